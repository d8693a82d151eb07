import type { AttributeChange } from '../storage/object-store.ts';
import type { StatusCode } from './protocol.ts';

/** How a file was opened, in the words of AWS Transfer Family's logs. */
export type OpenMode = 'CREATE' | 'EXCLUSIVE' | 'APPEND' | 'TRUNCATE' | 'READ' | 'WRITE';

/** What a session did to files, for the audit log. Paths are the client's: absolute, in the user's view. */
export type SftpAction =
  | { readonly kind: 'open'; readonly path: string; readonly modes: readonly OpenMode[] }
  | {
      readonly kind: 'close';
      readonly path: string;
      readonly bytesRead: number;
      readonly bytesWritten: number;
      /** Since the file was opened. */
      readonly milliseconds: number;
    }
  /** The session ended before the client closed the file. */
  | {
      readonly kind: 'partial-close';
      readonly path: string;
      readonly bytesRead: number;
      readonly bytesWritten: number;
      readonly milliseconds: number;
      readonly outcome: 'stored' | 'discarded' | 'read';
    }
  | { readonly kind: 'rename'; readonly path: string; readonly target: string; readonly overwrite: boolean }
  | { readonly kind: 'remove' | 'mkdir' | 'rmdir' | 'opendir'; readonly path: string }
  | { readonly kind: 'setstat'; readonly path: string; readonly size?: number; readonly change: AttributeChange }
  /** `path` is the new name, `target` what it leads to. */
  | { readonly kind: 'symlink' | 'hardlink'; readonly path: string; readonly target: string }
  /** copy-data from one open file into another. */
  | { readonly kind: 'copy'; readonly path: string; readonly target: string; readonly bytes: number };

/** Why an action failed. `cause` is for the log: it may name what the client must not see. */
export interface SftpActionFailure {
  readonly code: StatusCode;
  readonly message: string;
  readonly cause: unknown;
}

/** Subscribes to a session. Everything is optional; what is given must not throw. */
export interface SftpObserver {
  /** An action has ended; `failure` is undefined where it succeeded. */
  readonly action?: (action: SftpAction, failure: SftpActionFailure | undefined) => void;
  /**
   * A request was answered: for metrics. `request` is its name in the request table, or 'unknown'; `bytes` those of a
   * file that it gave (READ) or took (WRITE).
   */
  readonly answered?: (request: string, status: StatusCode, milliseconds: number, bytes: number) => void;
  /** A handler threw what is no typed error: a bug of ours, with its stack in `error`. */
  readonly internalError?: (request: string, error: unknown) => void;
  /** The session is over and nothing is left open: by the client's end of file, bytes that are no SFTP, or `abort`. */
  readonly ended?: (how: 'end' | 'protocol-error' | 'aborted', detail: string) => void;
}
