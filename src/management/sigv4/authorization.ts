import { ApiError, type ExceptionName } from '../api-error.ts';
import { SIGNATURE_SKEW_MS } from '../limits.ts';

/** The signing name of the service. */
export const SIGNED_SERVICE = 'transfer';

/** What a request says of its signature. Nothing of it is proven yet. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  /** Any: an installation has none of its own. */
  readonly region: string;
  readonly signedAt: Date;
  /** The signed headers alone, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** 32 bytes. */
  readonly signature: Buffer;
  /** The SHA-256 of the body in hexadecimal digits, where the client names it. */
  readonly bodyHash: string | null;
}

/** Without these the signature would not say which call it is for, to whom, and when. */
const ALWAYS_SIGNED = ['host', 'x-amz-date', 'x-amz-target'] as const;

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 +Credential=([A-Za-z0-9]{16,128})\/(\d{8})\/([a-z0-9-]{1,64})\/([a-z0-9-]{1,64})\/aws4_request, *SignedHeaders=([a-z0-9;_-]{1,2048}), *Signature=([0-9a-f]{64})$/;

const LONG_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/**
 * Reads what the headers say of the signature (AWS Signature Version 4), and refuses what no secret could make right.
 * `rawHeaders`: names and values in turn, as Node has them. `now`: milliseconds since the epoch.
 *
 * @throws ApiError IncompleteSignatureException, InvalidSignatureException
 */
export function readAuthorization(rawHeaders: readonly string[], now: number): SignatureClaim {
  const headers = collected(rawHeaders);
  const authorization = AUTHORIZATION.exec(only(headers, 'authorization'));
  if (authorization === null) {
    refuse('IncompleteSignatureException', 'the header Authorization is no AWS4-HMAC-SHA256 signature of this service');
  }
  const [, accessKeyId = '', day, region = '', service, names = '', signature = ''] = authorization;
  const signed: Record<string, string> = Object.fromEntries(
    names.split(';').map((name) => [name, only(headers, name)]),
  );
  const unsigned = [...headers.keys()].filter((name) => mustBeSigned(name) && !Object.hasOwn(signed, name));
  const lacking = unsigned[0] ?? ALWAYS_SIGNED.find((name) => !Object.hasOwn(signed, name));
  if (lacking !== undefined) refuse('IncompleteSignatureException', `the header ${lacking} is not signed`);
  if (service !== SIGNED_SERVICE) {
    refuse('InvalidSignatureException', `the signature is for another service: expected ${SIGNED_SERVICE}`);
  }
  const longDate = signed['x-amz-date'] ?? '';
  if (!longDate.startsWith(`${String(day)}T`)) {
    refuse('InvalidSignatureException', 'the day of the credential is not that of x-amz-date');
  }
  return {
    accessKeyId,
    region,
    signedAt: checkedDate(longDate, now),
    headers: signed,
    signature: Buffer.from(signature, 'hex'),
    bodyHash: checkedBodyHash(signed['x-amz-content-sha256']),
  };
}

function mustBeSigned(name: string): boolean {
  return name.startsWith('x-amz-') || name === 'content-type';
}

function collected(rawHeaders: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const content = rawHeaders[index + 1] ?? '';
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [content]);
    else values.push(content);
  }
  return headers;
}

/** Of two headers of one name a proxy and we might take different ones. */
function only(headers: ReadonlyMap<string, readonly string[]>, name: string): string {
  const [content, ...more] = headers.get(name) ?? [];
  if (content === undefined) {
    refuse('IncompleteSignatureException', `the request has no header ${name}, which a signature needs`);
  }
  if (more.length > 0) refuse('InvalidSignatureException', `the request has the header ${name} more than once`);
  return content;
}

function checkedDate(longDate: string, now: number): Date {
  const match = LONG_DATE.exec(longDate);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (match ?? []).slice(1).map(Number);
  const at = match === null ? NaN : Date.UTC(year, month - 1, day, hour, minute, second);
  if (Number.isNaN(at)) refuse('IncompleteSignatureException', 'x-amz-date: expected a time such as 20261201T120000Z');
  if (Math.abs(now - at) > SIGNATURE_SKEW_MS) {
    refuse(
      'InvalidSignatureException',
      `the signature is of ${longDate}, and it is ${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')} here: expected at most ${SIGNATURE_SKEW_MS / 60_000} minutes between them`,
    );
  }
  return new Date(at);
}

function checkedBodyHash(given: string | undefined): string | null {
  if (given === undefined) return null;
  if (!/^[0-9a-f]{64}$/.test(given)) {
    refuse('InvalidSignatureException', 'x-amz-content-sha256: expected the SHA-256 of the body');
  }
  return given;
}

function refuse(exception: ExceptionName, message: string): never {
  throw new ApiError(exception, message);
}
