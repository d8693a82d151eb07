import type { EventHandlers } from '../events/event-channels.ts';
import type { EventOf } from '../events/server-event.ts';
import type { Logger } from './logger.ts';
import { whose } from './whose.ts';

/** Log lines of connections and sessions; those of logins are in login-lines.ts. */
export function sessionLines(log: Logger): EventHandlers {
  return {
    'connection.refused': ({ type, remoteAddress, reason, unauthenticated }) => {
      const fields = { event: type, remoteAddress, reason };
      if (reason === 'rate') log.warn(fields, 'too many connections a second');
      // Of one that made room the session's own line tells.
      if (reason === 'network') log.warn(fields, 'nobody may connect from that address');
      // Whoever connects to a balancer and says nothing looks like this: it is nothing to be woken for.
      if (reason === 'proxy-silent') log.info(fields, 'no header of the PROXY protocol has come in time');
      if (reason === 'proxy-header') log.warn(fields, 'no header of the PROXY protocol, or none that can be used');
      if (reason === 'limit') log.warn({ ...fields, unauthenticated }, 'too many connections');
    },
    'session.opened': (event) => {
      const { type, remotePort, proxy } = event;
      log.info({ ...whose(event), event: type, remotePort, ...(proxy !== null && { proxy }) }, 'connection opened');
    },
    'session.negotiated': (event) => {
      const { type, policy, kex, milliseconds } = event;
      const kind = kex.family === 'pq-hybrid' ? 'post-quantum' : 'classical';
      const insisted =
        kex.insistedOver === null ? '' : `, insisted on: the client would rather have ${kex.insistedOver}`;
      log.info(
        { ...whose(event), event: type, policy, kex, milliseconds: Math.round(milliseconds) },
        `${kind} key exchange: ${kex.method}${insisted}`,
      );
    },
    'session.rekeyed': (event) => {
      log.debug({ ...whose(event), event: event.type, kex: event.kex, number: event.number }, 'new keys');
    },
    'session.rekey-refused': ({ type, method, ...event }) => {
      log.warn(
        { ...whose(event), event: type, reason: 'not-post-quantum', method },
        `the session ends: its next key exchange would be classical (${method}), and the user needs a post-quantum one`,
      );
    },
    'session.refused': (event) => {
      log.info({ ...whose(event), event: event.type, request: event.request }, 'request refused');
    },
    'session.revoked': (event) => {
      log.warn({ ...whose(event), event: event.type, reason: event.reason }, 'may not log in any more');
    },
    'session.revocation-failed': ({ type, error }) => {
      log.error({ event: type, err: error }, 'users cannot be looked up');
    },
    'session.host-keys-proved': (event) => {
      log.info(
        { ...whose(event), event: event.type, fingerprints: event.fingerprints },
        'the client asked for proof of host keys, to remember them',
      );
    },
    'session.host-key-failed': (event) => {
      log.error({ ...whose(event), event: event.type, err: event.error }, 'a host key does not sign');
    },
    'session.closed': (event) => {
      closedLine(log, event);
    },
  };
}

function closedLine(log: Logger, event: EventOf<'session.closed'>): void {
  const { type, stage, ending, reason, byPeer, bytesIn, bytesOut, seconds, clientVersion, detail, cause } = event;
  const fields = {
    ...whose(event),
    event: type,
    authenticated: stage === 'open',
    reason,
    byPeer,
    bytesIn,
    bytesOut,
    seconds,
    clientVersion,
    ...detail,
  };
  const message = `connection closed: ${event.message}`;
  switch (ending) {
    case 'internal-error':
      log.error({ ...fields, err: cause }, message);
      return;
    case 'finished':
      log.info(fields, 'connection closed by peer, after its last channel');
      return;
    case 'by-peer':
    case 'by-server':
      log.info(fields, message);
      return;
    case 'broken':
      log.warn({ ...fields, cause: cause instanceof Error ? cause.message : undefined }, message);
  }
}
