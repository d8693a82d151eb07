import { StorageError, type StorageErrorCode } from '../storage/object-store.ts';
import { WireError } from '../wire/wire-error.ts';
import { SSH_FX, type StatusCode } from './protocol.ts';

/** A request's failure, as SSH_FXP_STATUS tells it (§7). The message is for the person at the client. */
export class SftpStatus extends Error {
  override readonly name = 'SftpStatus';
  readonly code: StatusCode;
  constructor(code: StatusCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The stream is not SFTP: no answer is possible, and the session ends. */
export class SftpFramingError extends Error {
  override readonly name = 'SftpFramingError';
}

/** As OpenSSH's `sftp` shows a code and not the message, the code alone must make sense to its user. */
const STATUS_OF_STORAGE_ERROR: Readonly<Record<StorageErrorCode, StatusCode>> = {
  'not-found': SSH_FX.NO_SUCH_FILE,
  'permission-denied': SSH_FX.PERMISSION_DENIED,
  exists: SSH_FX.FAILURE,
  'not-empty': SSH_FX.FAILURE,
  'not-a-directory': SSH_FX.NO_SUCH_FILE,
  'is-a-directory': SSH_FX.FAILURE,
  'invalid-name': SSH_FX.FAILURE,
  unsupported: SSH_FX.OP_UNSUPPORTED,
  'no-space': SSH_FX.FAILURE,
  'too-large': SSH_FX.FAILURE,
  changed: SSH_FX.FAILURE,
  unavailable: SSH_FX.FAILURE,
  failure: SSH_FX.FAILURE,
};

/** The status for whatever a handler threw. What is no typed error is a bug of ours: the client learns nothing of it. */
export function toSftpStatus(error: unknown): SftpStatus {
  if (error instanceof SftpStatus) return error;
  if (error instanceof StorageError) {
    return new SftpStatus(STATUS_OF_STORAGE_ERROR[error.code], error.message, { cause: error });
  }
  if (error instanceof WireError) return new SftpStatus(SSH_FX.BAD_MESSAGE, error.message, { cause: error });
  return new SftpStatus(SSH_FX.FAILURE, 'Internal error.', { cause: error });
}

/** Whether a handler threw what no layer throws on purpose. */
export function isInternalError(error: unknown): boolean {
  return !(error instanceof SftpStatus || error instanceof StorageError || error instanceof WireError);
}
