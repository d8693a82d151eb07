import type { OutgoingHttpHeaders } from 'node:http';
import type { ApiError, ExceptionName } from './api-error.ts';

/** What goes over the wire, whole. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** awsJson1_1, the protocol of the service. */
export const AWS_JSON = 'application/x-amz-json-1.1';

/** 400, 500 for those that the model calls a fault, 403 where it is not known who calls. */
const STATUS: Readonly<Record<ExceptionName, number>> = {
  AccessDeniedException: 400,
  ConflictException: 400,
  InternalServiceError: 500,
  InvalidNextTokenException: 400,
  InvalidRequestException: 400,
  ResourceExistsException: 400,
  ResourceNotFoundException: 400,
  ServiceUnavailableException: 500,
  ThrottlingException: 400,
  UnrecognizedClientException: 403,
  IncompleteSignatureException: 403,
  InvalidSignatureException: 403,
  SerializationException: 400,
  UnknownOperationException: 400,
};

/** null is an empty body. */
export function answerOf(output: unknown): ApiAnswer {
  const body = output === null ? Buffer.alloc(0) : Buffer.from(JSON.stringify(onTheWire(output)));
  return { status: 200, headers: { 'Content-Type': AWS_JSON }, body };
}

/** `status`: where HTTP has a better one than the exception's. */
export function answerOfError({ exception, message, members }: ApiError, status = STATUS[exception]): ApiAnswer {
  const body = { __type: exception, Message: message, ...members };
  const seconds = members['RetryAfterSeconds'];
  return {
    status,
    headers: {
      'Content-Type': AWS_JSON,
      'x-amzn-ErrorType': exception,
      ...(seconds === undefined ? {} : { 'Retry-After': seconds }),
    },
    body: Buffer.from(JSON.stringify(body)),
  };
}

/** Dates are seconds since the epoch, with their milliseconds. */
function onTheWire(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(onTheWire);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([member, content]) => [member, onTheWire(content)]));
}
