import type { Logger } from '../telemetry/logger.ts';
import type { AccessKeyRecord } from '../state/records.ts';
import { StateUnavailable, StateVersionError } from '../state/state-store.ts';
import { checkResource, checkRole, visibleAnswer, type ServerTags } from './access.ts';
import { ApiError } from './api-error.ts';
import { API_KEY_BURST, API_KEY_RATE, API_OPERATION_MS, API_OPERATIONS } from './limits.ts';
import { MODEL_OPERATIONS } from './model/transfer-model.ts';
import { readInput } from './model/validate.ts';
import type { Caller, OperationName, Operations } from './operation.ts';
import { RequestRates, type RequestRate } from './request-rates.ts';

export interface ApiCallsOptions {
  readonly operations: Operations;
  readonly serverTags: ServerTags;
  /** Resolves when this node knows what any node has answered before: a client may talk to another one with each call. */
  readonly caughtUp?: (() => Promise<void>) | undefined;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly keyRate?: RequestRate | undefined;
  readonly atOnce?: number | undefined;
  readonly operationMs?: number | undefined;
}

/** One call whose caller is known. */
export interface ApiCall {
  readonly requestId: string;
  readonly accessKey: AccessKeyRecord;
  readonly remoteAddress: string;
  /** The operation's name, as the header has it. */
  readonly operation: string;
  readonly body: Uint8Array;
}

/** From a call by a known caller to the operation's answer: rates, roles, the model, and what becomes of faults. */
export class ApiCalls {
  readonly #options: ApiCallsOptions;
  readonly #rates: RequestRates;
  readonly #atOnce: number;
  readonly #operationMs: number;
  #running = 0;

  constructor(options: ApiCallsOptions) {
    const { keyRate = { perSecond: API_KEY_RATE, burst: API_KEY_BURST }, now } = options;
    this.#options = options;
    this.#rates = new RequestRates(keyRate, now);
    this.#atOnce = options.atOnce ?? API_OPERATIONS;
    this.#operationMs = options.operationMs ?? API_OPERATION_MS;
  }

  /** Resolves to the output, null for an empty body. @throws ApiError and nothing else */
  async call(call: ApiCall): Promise<unknown> {
    const { log } = this.#options;
    const { requestId, operation, accessKey, remoteAddress } = call;
    const line = { requestId, operation, accessKeyId: accessKey.accessKeyId, remoteAddress };
    try {
      const output = await this.#admitted(call);
      const level = MODEL_OPERATIONS.get(operation)?.readonly === true ? 'debug' : 'info';
      log[level]({ event: 'management.call', ...line }, 'management API');
      return output;
    } catch (error) {
      const refusal = this.#asApiError(error, line);
      const { exception, message } = refusal;
      log.info({ event: 'management.call-refused', ...line, exception }, message);
      throw refusal;
    }
  }

  async #admitted(call: ApiCall): Promise<unknown> {
    const seconds = this.#rates.take(call.accessKey.accessKeyId);
    if (seconds > 0) throw throttled('this access key makes too many requests', seconds);
    if (this.#running >= this.#atOnce) throw throttled('too many requests at once', 1);
    this.#running += 1;
    const output = this.#output(call).finally(() => {
      this.#running -= 1;
    });
    return inTime(output, this.#operationMs);
  }

  async #output({ operation, accessKey, remoteAddress, body }: ApiCall): Promise<unknown> {
    const { operations, serverTags, caughtUp } = this.#options;
    if (!MODEL_OPERATIONS.has(operation)) {
      throw new ApiError('UnknownOperationException', 'X-Amz-Target names no operation');
    }
    checkRole(accessKey, operation);
    if (!isSupported(operations, operation)) {
      throw new ApiError('InvalidRequestException', `not supported by Latticeport: ${operation}`);
    }
    const input = readInput(operation, body);
    await caughtUp?.();
    checkResource(accessKey, operation, input, serverTags);
    const author = { accessKeyId: accessKey.accessKeyId, remoteAddress };
    const output = await outputOf(operations, operation, input, { accessKey, author });
    return visibleAnswer(accessKey, operation, output, serverTags);
  }

  /** What is no refusal stays here: a stranger's eye has no use for it, the operator finds it by the request's id. */
  #asApiError(error: unknown, line: object): ApiError {
    if (error instanceof ApiError) return error;
    const { log } = this.#options;
    if (error instanceof StateUnavailable) {
      log.error({ event: 'management.state-unavailable', ...line, err: error }, 'the state does not answer');
      return new ApiError(
        'ServiceUnavailableException',
        error instanceof StateVersionError
          ? 'a newer version of Latticeport has changed the state: this node changes nothing until it is updated'
          : 'the state cannot be reached: try again later',
      );
    }
    log.error({ event: 'management.call-failed', ...line, err: error }, 'a fault in the management API');
    return new ApiError(
      'InternalServiceError',
      'something went wrong here: the log says what, under the id of this request',
    );
  }
}

export function throttled(message: string, seconds: number): ApiError {
  return new ApiError('ThrottlingException', message, { RetryAfterSeconds: String(Math.max(1, Math.ceil(seconds))) });
}

function isSupported(operations: Operations, name: string): name is OperationName {
  return Object.hasOwn(operations, name);
}

function outputOf(operations: Operations, name: OperationName, input: object, caller: Caller): Promise<unknown> {
  // By the model the input is of the operation's type: the SDK's types are made from the same model.
  const operation: (input: never, caller: Caller) => Promise<unknown> = operations[name];
  return operation(input as never, caller);
}

/** What takes longer goes on: it cannot be called back. */
async function inTime(output: Promise<unknown>, milliseconds: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = 'the operation takes too long and goes on: look later what has become of it';
      reject(new ApiError('ServiceUnavailableException', message));
    }, milliseconds).unref();
  });
  try {
    return await Promise.race([output, late]);
  } finally {
    clearTimeout(timer);
  }
}
