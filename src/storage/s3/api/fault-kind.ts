import { isLinkFault, isMissing, isPreconditionFailure, ROLE_REFUSED, ROLE_UNAVAILABLE, type Fault } from './errors.ts';

/** What can go wrong with a request, in few enough words for a metric's label. */
export const FAULT_KINDS = [
  'slow-down',
  'reset',
  'timeout',
  'unreachable',
  /** No TLS connection that both ends agree to. */
  'tls',
  'server-error',
  'bad-answer',
  'credentials',
  'clock-skew',
  /** Refused without a word why, as an answer to HEAD is. */
  'unexplained',
  'corrupted',
  'conflict',
  'access-denied',
  'not-found',
  'precondition-failed',
  'no-space',
  'other-region',
  'other',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

const KIND_OF_CODE: ReadonlyMap<string, FaultKind> = new Map<string, FaultKind>([
  ['TimeoutError', 'timeout'],
  ['ETIMEDOUT', 'timeout'],
  ['RequestTimeout', 'timeout'],
  ['RequestTimeoutException', 'timeout'],
  ['ECONNREFUSED', 'unreachable'],
  ['ENOTFOUND', 'unreachable'],
  ['EAI_AGAIN', 'unreachable'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['ECONNRESET', 'reset'],
  ['ECONNABORTED', 'reset'],
  ['EPIPE', 'reset'],
  ['ERR_STREAM_PREMATURE_CLOSE', 'reset'],
  ['UND_ERR_SOCKET', 'reset'],
  ['InternalError', 'server-error'],
  ['InternalServerError', 'server-error'],
  ['BadDigest', 'corrupted'],
  ['XAmzContentSHA256Mismatch', 'corrupted'],
  ['IncompleteBody', 'corrupted'],
  ['InvalidPart', 'corrupted'],
  ['InvalidPartOrder', 'corrupted'],
  ['EntityTooSmall', 'corrupted'],
  ['OperationAborted', 'conflict'],
  ['ConditionalRequestConflict', 'conflict'],
  ['InvalidAccessKeyId', 'credentials'],
  ['SignatureDoesNotMatch', 'credentials'],
  [ROLE_UNAVAILABLE, 'credentials'],
  [ROLE_REFUSED, 'credentials'],
  ['PermanentRedirect', 'other-region'],
  ['AuthorizationHeaderMalformed', 'other-region'],
  ['IllegalLocationConstraintException', 'other-region'],
  ['QuotaExceeded', 'no-space'],
  ['XMinioStorageFull', 'no-space'],
  ['InsufficientStorage', 'no-space'],
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
]);

/** Sorts `error`, which `fault` describes. */
export function faultKind(error: unknown, { remedy, reason, status }: Fault): FaultKind {
  const known = KIND_OF_CODE.get(reason);
  if (known !== undefined) return known;
  if (isLinkFault(error)) return 'tls';
  switch (remedy) {
    case 'slow-down':
      return 'slow-down';
    case 'clock-skew':
      return 'clock-skew';
    case 'renew-credentials':
      return 'credentials';
    case 'unexplained':
      return 'unexplained';
    case 'retry':
      if (status === undefined) return error instanceof SyntaxError ? 'bad-answer' : 'reset';
      return status >= 500 ? 'server-error' : 'bad-answer';
    case 'fail':
      if (isMissing(error)) return 'not-found';
      if (isPreconditionFailure(error)) return 'precondition-failed';
      if (status === 403) return 'access-denied';
      return status === 507 ? 'no-space' : 'other';
  }
}
