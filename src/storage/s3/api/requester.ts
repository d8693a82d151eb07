import type { S3Client } from '@aws-sdk/client-s3';
import { toStorageError } from './errors.ts';
import { withRetry, type Attempt, type RetryContext } from './retry.ts';

/** What a request is made with: the client of this moment, and the signal that ends it. */
export interface RequestContext {
  readonly client: S3Client;
  readonly options: { readonly abortSignal?: AbortSignal };
  readonly attempt: Attempt;
}

export interface RequesterOptions extends RetryContext {
  /** The client of this moment; another one after credentials were renewed. */
  readonly client: () => S3Client;
}

/** Sends requests to one bucket, with retries, and turns what remains of errors into StorageErrors. */
export class Requester {
  readonly bucket: string;
  readonly context: RequesterOptions;

  constructor(bucket: string, context: RequesterOptions) {
    this.bucket = bucket;
    this.context = context;
  }

  /** Throws StorageError. */
  async run<T>(operation: string, request: (context: RequestContext) => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await this.runRaw(operation, request, signal);
    } catch (error) {
      throw toStorageError(error, operation);
    }
  }

  /** As `run`, but throws the SDK's error, for callers to whom its code matters. */
  async runRaw<T>(
    operation: string,
    request: (context: RequestContext) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return withRetry(
      operation,
      this.context,
      async (attempt) =>
        request({
          client: this.context.client(),
          options: signal === undefined ? {} : { abortSignal: signal },
          attempt,
        }),
      signal,
    );
  }
}
