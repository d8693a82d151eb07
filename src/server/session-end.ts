import type { EventOf } from '../events/server-event.ts';
import type { KeyExchangeFailure, SessionEnding, SessionFact, SessionStage } from '../events/session-event.ts';
import type { SshDisconnect } from '../transport/disconnect.ts';
import { DISCONNECT_REASON } from '../transport/disconnect.ts';

type Traffic = Pick<EventOf<'session.closed'>, 'bytesIn' | 'bytesOut' | 'seconds' | 'clientVersion'>;

/** What a session knows of itself when it ends. */
interface EndedSession extends Traffic {
  readonly stage: SessionStage;
  /** The client had closed its last channel. */
  readonly finished: boolean;
  /** It is we who lost patience. */
  readonly timedOut: boolean;
}

/** What a session that ended with `reason` tells. */
export function sessionClosed(reason: SshDisconnect, { finished, timedOut, ...ended }: EndedSession): SessionFact {
  return {
    ...ended,
    type: 'session.closed',
    ending: sessionEnding(reason, finished),
    keyExchangeFailure: ended.stage === 'kex' ? keyExchangeFailure(reason, timedOut) : null,
    reason: reason.reason,
    message: reason.message,
    byPeer: reason.byPeer,
    detail: reason.detail,
    cause: reason.cause,
  };
}

function sessionEnding(reason: SshDisconnect, finished: boolean): SessionEnding {
  if (reason.reason === DISCONNECT_REASON.BY_APPLICATION && reason.cause !== undefined) return 'internal-error';
  // A client that has closed its last channel is done: some reset the connection then.
  if (finished && reason.reason === DISCONNECT_REASON.CONNECTION_LOST) return 'finished';
  if (reason.byPeer) return 'by-peer';
  return reason.reason === DISCONNECT_REASON.BY_APPLICATION ? 'by-server' : 'broken';
}

/** Why there was no key exchange. */
function keyExchangeFailure(reason: SshDisconnect, timedOut: boolean): KeyExchangeFailure {
  if (timedOut) return 'timeout';
  if (reason.byPeer) return reason.reason === DISCONNECT_REASON.KEY_EXCHANGE_FAILED ? 'refused-by-peer' : 'peer-left';
  switch (reason.reason) {
    case DISCONNECT_REASON.CONNECTION_LOST:
      return 'peer-left';
    case DISCONNECT_REASON.KEY_EXCHANGE_FAILED:
      return 'list' in reason.detail ? 'no-common-algorithm' : 'bad-value';
    case DISCONNECT_REASON.TOO_MANY_CONNECTIONS:
      return 'made-room';
    case DISCONNECT_REASON.BY_APPLICATION:
      return reason.cause === undefined ? 'shutdown' : 'internal-error';
    default:
      return 'protocol-error';
  }
}
