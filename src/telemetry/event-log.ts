import type { EventHandlers } from '../events/event-channels.ts';
import type { Logger } from './logger.ts';
import { LoginLines } from './login-lines.ts';
import { serverLines } from './server-lines.ts';
import { sessionLines } from './session-lines.ts';
import { sftpLines } from './sftp-lines.ts';
import { storageLines } from './storage-lines.ts';

/** Writes a server's events to its log, in Latticeport's own format (docs/operations.md). */
export function eventLog(log: Logger): EventHandlers {
  const sessions = sessionLines(log);
  const logins = new LoginLines(log);
  return {
    ...serverLines(log),
    ...sessions,
    ...sftpLines(log),
    ...storageLines(log),
    'auth.requested': (event) => {
      logins.requested(event);
    },
    'auth.failed': (event) => {
      logins.failed(event);
    },
    'auth.succeeded': (event) => {
      logins.succeeded(event);
    },
    'session.closed': (event) => {
      logins.closed(event);
      sessions['session.closed']?.(event);
    },
  };
}
