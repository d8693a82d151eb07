import type { EventHandlers } from '../events/event-channels.ts';
import type { Logger } from './logger.ts';
import { whose } from './whose.ts';

/** Log lines of what is done to files, by the names of Transfer Family's structured logs: existing queries carry over. */
export function sftpLines(log: Logger): EventHandlers {
  return {
    'sftp.home-failed': (event) => {
      log.error({ ...whose(event), event: event.type, err: event.error }, "the user's home cannot be made");
    },
    'sftp.action': (event) => {
      const { action, failure } = event;
      const { kind, ...fields } = action;
      const activity = kind === 'partial-close' ? 'PARTIAL_CLOSE' : kind.toUpperCase();
      const line = { ...whose(event), event: `sftp.${kind}`, activity, ...fields };
      if (failure === null) {
        log.info(line, `${activity} ${action.path}`);
        return;
      }
      const { code, message, cause } = failure;
      const detail = cause instanceof Error && 'detail' in cause ? cause.detail : undefined;
      log.warn({ ...line, status: code, error: message, detail }, `${activity} ${action.path}: ${message}`);
    },
    'sftp.internal-error': (event) => {
      log.error(
        { ...whose(event), event: event.type, request: event.request, err: event.error },
        'a bug: please report it',
      );
    },
  };
}
