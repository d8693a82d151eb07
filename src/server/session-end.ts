import type { KeyExchangeFailure, SessionEnding } from '../events/session-event.ts';
import type { SshDisconnect } from '../transport/disconnect.ts';
import { DISCONNECT_REASON } from '../transport/disconnect.ts';

/** How a session ended with `reason`; `finished` where the client had closed its last channel. */
export function sessionEnding(reason: SshDisconnect, { finished }: { readonly finished: boolean }): SessionEnding {
  if (reason.reason === DISCONNECT_REASON.BY_APPLICATION && reason.cause !== undefined) return 'internal-error';
  // A client that has closed its last channel is done: some reset the connection then.
  if (finished && reason.reason === DISCONNECT_REASON.CONNECTION_LOST) return 'finished';
  if (reason.byPeer) return 'by-peer';
  return reason.reason === DISCONNECT_REASON.BY_APPLICATION ? 'by-server' : 'broken';
}

/** Why a connection that ended with `reason` had no key exchange; `timedOut` where it is we who lost patience. */
export function keyExchangeFailure(
  reason: SshDisconnect,
  { timedOut }: { readonly timedOut: boolean },
): KeyExchangeFailure {
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
