import { tlsFaultOf } from '../../../tls/tls-fault.ts';
import { StorageError } from '../../object-store.ts';

/** What is to be done about a failed request. */
export type Remedy =
  /** Give up: the answer will not change. */
  | 'fail'
  /** The store or the network is in trouble for now: wait, then try again. */
  | 'retry'
  /** The store asks to go slower. */
  | 'slow-down'
  /** The credentials have run out: fetch new ones, then try again. */
  | 'renew-credentials'
  /** The clocks differ; the SDK has noted by how much: try again at once. */
  | 'clock-skew'
  /**
   * Refused without a word why, since an answer to HEAD has no body: it may be any of the two above, so one more try
   * is worth it.
   */
  | 'unexplained';

export interface Fault {
  readonly remedy: Remedy;
  /** A short word for logs and metrics: the store's error code or the system's. */
  readonly reason: string;
  readonly status: number | undefined;
  /** True if the request may have been carried out although no answer came. */
  readonly ambiguous: boolean;
}

/** Where a link must be encrypted and the endpoint is plain http, requests fail with this code. */
export const NOT_ENCRYPTED = 'NotEncrypted';

/** A role could not be assumed: for now, or until somebody changes something. */
export const ROLE_UNAVAILABLE = 'RoleUnavailable';
export const ROLE_REFUSED = 'RoleRefused';

const RETRY_CODES = new Set([
  'InternalError',
  'InternalServerError',
  'ServiceUnavailable',
  'RequestTimeout',
  'RequestTimeoutException',
  'OperationAborted',
  'ConditionalRequestConflict',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'IncompleteBody',
]);
const SLOW_DOWN_CODES = new Set([
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
]);
const CREDENTIAL_CODES = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'TokenRefreshRequired',
  'RequestExpired',
  'CredentialsProviderError',
]);
const NETWORK_CODES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
  'UND_ERR_SOCKET',
  'HPE_INVALID_CONSTANT',
  'HPE_INVALID_EOF_STATE',
]);
const NETWORK_WORDS = /socket hang up|TimeoutError|ECONNRESET|ECONNREFUSED|EPIPE|premature close|aborted/i;
/** Refused before a byte of the request could be carried out. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN']);

function field(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** The HTTP status of the answer, if one came. */
export function statusOf(error: unknown): number | undefined {
  const status = field(field(error, '$metadata'), 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
}

/** The store's error code, such as `NoSuchKey`; for a failed connection the system's, such as `ECONNRESET`. */
export function codeOf(error: unknown): string {
  for (const name of ['Code', 'code', 'name']) {
    const value = field(error, name);
    if (typeof value === 'string' && value !== '' && value !== 'Error' && value !== 'UnknownError') return value;
  }
  // The SDK wraps errors that it does not know and keeps nothing of them but their text.
  const message = field(error, 'message');
  const errno = typeof message === 'string' ? /\b(E[A-Z]{3,}(?:_[A-Z]+)?)\b/.exec(message)?.[1] : undefined;
  return errno !== undefined && NETWORK_CODES.has(errno) ? errno : 'Unknown';
}

/** True where the store says that the object or upload is not there. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  if (code === 'NoSuchBucket') return false;
  return statusOf(error) === 404 || code === 'NoSuchKey' || code === 'NotFound';
}

/** True where a condition of the request (If-Match, If-None-Match) did not hold. */
export function isPreconditionFailure(error: unknown): boolean {
  return statusOf(error) === 412 || codeOf(error) === 'PreconditionFailed';
}

/** True where the two ends of the link do not come together: no request was carried out, and no further try will be. */
export function isLinkFault(error: unknown): boolean {
  return tlsFaultOf(error) !== null || codeOf(error) === NOT_ENCRYPTED;
}

/** Sorts any error that a request can end with. */
export function classify(error: unknown): Fault {
  const status = statusOf(error);
  const code = codeOf(error);
  const fault = (remedy: Remedy, ambiguous: boolean): Fault => ({ remedy, reason: code, status, ambiguous });

  if (isLinkFault(error)) return fault('fail', false);
  // Without credentials no request was sent.
  if (code === ROLE_UNAVAILABLE) return fault('retry', false);
  if (code === ROLE_REFUSED) return fault('fail', false);
  if (code === 'RequestTimeTooSkewed' || field(error, '$clockSkewCorrected') === true)
    return fault('clock-skew', false);
  if (CREDENTIAL_CODES.has(code)) return fault('renew-credentials', false);
  if (SLOW_DOWN_CODES.has(code) || status === 429) return fault('slow-down', false);
  if (RETRY_CODES.has(code)) return fault('retry', status === undefined || status >= 500);
  if (status === 503) return fault('slow-down', false);
  if (status === 500 || status === 502 || status === 504) return fault('retry', true);
  if (NETWORK_CODES.has(code) || code === 'TimeoutError') return fault('retry', !NEVER_SENT.has(code));
  const message = field(error, 'message');
  if (status === undefined && typeof message === 'string' && NETWORK_WORDS.test(message)) return fault('retry', true);
  if (code === 'Unknown' && (status === 400 || status === 403)) return fault('unexplained', false);
  // An answer that is no S3 answer (a proxy's page, a cut body) says nothing about what was done.
  if (error instanceof SyntaxError || (status !== undefined && status < 300)) return fault('retry', true);
  return fault('fail', false);
}

/**
 * The error as the layers above see it. The message is for the client: it says what happened and names no bucket and no
 * key. The store's own words go into `detail`, for the log.
 */
export function toStorageError(error: unknown, operation: string): StorageError {
  if (error instanceof StorageError) return error;
  const { reason, status } = classify(error);
  const message = field(error, 'message');
  const detail = `${operation}: ${reason}${status === undefined ? '' : ` (${status})`}${
    typeof message === 'string' && message !== reason ? `: ${message}` : ''
  }`;
  const make = (code: StorageError['code'], text: string): StorageError =>
    new StorageError(code, text, { cause: error, detail });

  if (isLinkFault(error))
    return make('unavailable', 'The server and its storage could not agree on a secure connection.');
  switch (reason) {
    case 'NoSuchBucket':
      return make('unavailable', 'The storage of this server is not there.');
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
    case 'CredentialsProviderError':
    case ROLE_UNAVAILABLE:
    case ROLE_REFUSED:
      return make('unavailable', 'The server could not sign in to its storage.');
    case 'RequestTimeTooSkewed':
      return make('unavailable', "The server's clock differs from its storage's.");
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return make('unavailable', 'The storage is in another region than configured.');
    case 'QuotaExceeded':
    case 'XMinioStorageFull':
    case 'InsufficientStorage':
      return make('no-space', 'The storage is full.');
    case 'ENOSPC':
    case 'EDQUOT':
      return make('no-space', 'The server has no room left on its disk.');
    case 'EntityTooLarge':
      return make('too-large', 'The file is larger than the storage accepts.');
    case 'InvalidRange':
      // Only bytes that a version has are asked for.
      return make('changed', 'The file has changed in the meantime.');
    case 'KeyTooLongError':
      return make('invalid-name', 'The path is longer than the store allows.');
    case 'NoSuchUpload':
      return make('failure', 'The storage no longer knows this upload; please send the file again.');
    case 'InvalidPart':
    case 'InvalidPartOrder':
    case 'EntityTooSmall':
      return make('failure', 'The storage did not confirm the file; please send it again.');
    case 'InvalidObjectState':
      return make('unavailable', 'The file is archived and cannot be read at once.');
    case 'NotImplemented':
    case 'MethodNotAllowed':
      return make('unsupported', 'The storage does not support this.');
    default:
      break;
  }
  if (isMissing(error)) return make('not-found', 'No such file or directory.');
  if (isPreconditionFailure(error)) return make('changed', 'The file has changed in the meantime.');
  if (status === 403) return make('permission-denied', 'The storage refused access.');
  if (status === 507) return make('no-space', 'The storage is full.');
  switch (classify(error).remedy) {
    case 'slow-down':
      return make('unavailable', 'The storage is overloaded; please try again later.');
    case 'retry':
    case 'renew-credentials':
    case 'clock-skew':
    case 'unexplained':
      return make('unavailable', 'The storage did not answer; please try again later.');
    case 'fail':
      return make('failure', 'The storage reported an error.');
  }
}
