import type { EventHandlers } from '../events/event-channels.ts';
import type { Logger } from './logger.ts';

/** Log lines of a server as a whole: its start and end, its policy and its settings. */
export function serverLines(log: Logger): EventHandlers {
  return {
    'server.listening': ({ type, server: _, host, port, ...fields }) => {
      log.info({ event: type, host, port, ...fields }, `listening on ${host} port ${port}`);
    },
    'server.listener-error': ({ type, error }) => {
      log.error({ event: type, err: error }, 'the listening socket failed');
    },
    'server.stopped': ({ type, cutOff }) => {
      log.info({ event: type, cutOff }, 'stopped');
    },
    'server.stop-overdue': ({ type, sessions }) => {
      log.error({ event: type, sessions }, 'files are still held after the deadline: the process ends all the same');
    },
    'server.few-descriptors': ({ type, limit, connections, unauthenticated, files, configured }) => {
      log.warn(
        { event: type, limit, connections, unauthenticated, files, configured },
        `ulimit -n is ${limit}: at most ${connections} connections (limits.connections: ${configured}), ` +
          `${unauthenticated} of them before login, and ${files} descriptors for files; raise it, or lower the limits`,
      );
    },
    'config.needs-restart': ({ type, setting }) => {
      log.warn({ event: type, setting }, `a change of "${setting}" needs a restart`);
    },
    'host-key.unused': ({ type, file, keyType, fingerprint, why }) => {
      log.warn({ event: type, file, keyType, fingerprint }, `host key ${file} is not used: ${why}`);
    },
    'policy.reloaded': ({ type, policy, file }) => {
      log.info({ event: type, policy, file }, 'new connections follow it');
    },
    'policy.refused': ({ type, file, jsonPath, message }) => {
      log.error({ event: type, file, jsonPath }, message);
    },
    'revoked-keys.reloaded': ({ type, files }) => {
      log.info({ event: type, files }, 'logins and sessions follow them');
    },
    'revoked-keys.refused': ({ type, file, jsonPath, message }) => {
      log.error({ event: type, file, jsonPath }, `${message}; the revoked keys of before stay in force`);
    },
  };
}
