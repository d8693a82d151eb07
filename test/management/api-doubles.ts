// The management API's listener over operations that do nothing but answer.
import { PassThrough } from 'node:stream';
import { request as httpRequest } from 'node:http';
import type { AccessKeyRecord, Tag } from '../../src/state/records.ts';
import { ApiListener, type ApiListenerOptions } from '../../src/management/api-listener.ts';
import type { Caller, OperationName, Operations } from '../../src/management/operation.ts';
import { createLogger, type Logger } from '../../src/telemetry/logger.ts';
import { EXAMPLE_KEY, signedHeaders, type SignatureParts } from './sign-request.ts';

export const SERVER_ID = 's-0123456789abcdef0';

/** The operations that work in full, as src/management/operation.ts has them. */
export const OPERATION_NAMES: readonly OperationName[] = [
  'CreateServer',
  'DescribeServer',
  'ListServers',
  'UpdateServer',
  'DeleteServer',
  'StartServer',
  'StopServer',
  'CreateUser',
  'DescribeUser',
  'ListUsers',
  'UpdateUser',
  'DeleteUser',
  'ImportSshPublicKey',
  'DeleteSshPublicKey',
  'ImportHostKey',
  'DescribeHostKey',
  'ListHostKeys',
  'UpdateHostKey',
  'DeleteHostKey',
  'DescribeSecurityPolicy',
  'ListSecurityPolicies',
  'TestIdentityProvider',
  'TagResource',
  'UntagResource',
  'ListTagsForResource',
  'CreateAccess',
  'DescribeAccess',
  'ListAccesses',
  'UpdateAccess',
  'DeleteAccess',
  'ListSessions',
  'EndSession',
];

export interface DoubledCall {
  readonly operation: OperationName;
  readonly input: object;
  readonly caller: Caller;
}

/** Operations that answer what `answer` says, and remember what they were asked. */
export function doubledOperations(answer: (call: DoubledCall) => unknown = () => null): {
  readonly operations: Operations;
  readonly calls: DoubledCall[];
} {
  const calls: DoubledCall[] = [];
  const operations = Object.fromEntries(
    OPERATION_NAMES.map((operation) => [
      operation,
      (input: object, caller: Caller): Promise<unknown> => {
        calls.push({ operation, input, caller });
        return new Promise((resolve) => {
          resolve(answer({ operation, input, caller }));
        });
      },
    ]),
  );
  return { operations: operations as unknown as Operations, calls };
}

export interface Listening extends AsyncDisposable {
  readonly listener: ApiListener;
  readonly port: number;
  readonly calls: readonly DoubledCall[];
  /** What was logged, an object a line. */
  readonly lines: readonly Record<string, unknown>[];
}

export interface ListeningOptions extends Partial<Omit<ApiListenerOptions, 'operations' | 'log'>> {
  readonly answer?: (call: DoubledCall) => unknown;
  readonly keys?: readonly AccessKeyRecord[];
  readonly tags?: Readonly<Record<string, readonly Tag[]>>;
}

export function recordedLog(): { readonly log: Logger; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const output = new PassThrough();
  output.on('data', (data: Buffer) => {
    for (const line of data.toString().split('\n').filter(Boolean))
      lines.push(JSON.parse(line) as Record<string, unknown>);
  });
  return { log: createLogger({ level: 'debug', format: 'json' }, output), lines };
}

export async function listening({
  answer,
  keys = [EXAMPLE_KEY],
  tags = {},
  ...options
}: ListeningOptions = {}): Promise<Listening> {
  const { log, lines } = recordedLog();
  const { operations, calls } = doubledOperations(answer);
  const listener = new ApiListener({
    operations,
    log,
    accessKey: (id) => keys.find(({ accessKeyId }) => accessKeyId === id),
    serverTags: (serverId) => tags[serverId],
    ...options,
  });
  const { port } = await listener.listen('127.0.0.1', 0);
  return {
    listener,
    port,
    calls,
    lines,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await Promise.resolve();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Sends headers (an array: names and values in turn) and a body as they are. */
export function send(
  port: number,
  headers: Readonly<Record<string, string>> | readonly string[],
  body: string | Buffer,
  { method = 'POST', path = '/' } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const raw = Array.isArray(headers) ? (headers as readonly string[]) : Object.entries(headers).flat();
    const withLength = [...raw, 'content-length', String(Buffer.byteLength(body))];
    const request = httpRequest(
      { host: '127.0.0.1', port, method, path, headers: withLength, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(pieces).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: text,
            json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** One call as a client makes it. `body`: a string is sent as it is. */
export function call(
  port: number,
  operation: string,
  body: unknown = {},
  { key = EXAMPLE_KEY, ...parts }: SignatureParts & { readonly key?: AccessKeyRecord } = {},
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return send(port, signedHeaders(operation, text, key, parts), text);
}
