import type { EventHandlers } from '../events/event-channels.ts';
import type { Metrics } from './metrics.ts';

/** Counts a server's events. */
export function eventMetrics(metrics: Metrics): EventHandlers {
  const { ssh, sftp, storage } = metrics;
  return {
    'policy.reloaded': () => {
      metrics.policyChange('reloaded');
    },
    'policy.refused': () => {
      metrics.policyChange('refused');
    },
    'revoked-keys.reloaded': () => {
      metrics.revokedKeysChange('reloaded');
    },
    'revoked-keys.refused': () => {
      metrics.revokedKeysChange('refused');
    },
    'storage.event': ({ name }) => {
      // These two are counted with their reasons, by the requests themselves.
      if (name !== 'S3_RETRY' && name !== 'S3_GIVE_UP') storage.event(name);
    },
    'storage.connected': ({ group, postQuantum }) => {
      storage.connected(group, postQuantum);
    },
    'storage.request': (event) => {
      storage.request(event);
    },
    'connection.refused': ({ reason }) => {
      ssh.connectionRefused(reason);
    },
    'session.opened': () => {
      ssh.connectionAccepted();
    },
    'session.negotiated': ({ kex }) => {
      ssh.keyExchange(kex.method, kex.family === 'pq-hybrid');
    },
    'session.rekeyed': () => {
      ssh.rekey();
    },
    'session.rekey-refused': () => {
      ssh.rekeyRefused();
    },
    'session.closed': ({ keyExchangeFailure }) => {
      if (keyExchangeFailure !== null) ssh.keyExchangeFailed(keyExchangeFailure);
    },
    'auth.failed': ({ method, reason }) => {
      ssh.login(method, reason);
    },
    'auth.succeeded': ({ method }) => {
      ssh.login(method, 'success');
    },
    'sftp.action': ({ action }) => {
      if (action.kind === 'partial-close') sftp.partialClose(action.outcome);
    },
    'sftp.request': ({ request, code, status, bytes }) => {
      sftp.answered(request, code, status, bytes);
    },
    'sftp.internal-error': () => {
      sftp.internalError();
    },
  };
}
