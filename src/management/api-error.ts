/** The exceptions of the API's model, and those of the protocol that every client knows. */
export type ExceptionName =
  | 'AccessDeniedException'
  | 'ConflictException'
  | 'InternalServiceError'
  | 'InvalidNextTokenException'
  | 'InvalidRequestException'
  | 'ResourceExistsException'
  | 'ResourceNotFoundException'
  | 'ServiceUnavailableException'
  | 'ThrottlingException'
  | 'UnrecognizedClientException'
  | 'IncompleteSignatureException'
  | 'InvalidSignatureException'
  | 'SerializationException'
  | 'UnknownOperationException';

/** What a caller of the management API is told instead of an answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly exception: ExceptionName;
  /** Members beside `Message`: `Resource` and `ResourceType`, `RetryAfterSeconds`. */
  readonly members: Readonly<Record<string, string>>;

  constructor(exception: ExceptionName, message: string, members: Readonly<Record<string, string>> = {}) {
    super(message);
    this.exception = exception;
    this.members = members;
  }
}
