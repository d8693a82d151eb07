import { connect, type Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { ApiListener } from '../../src/management/api-listener.ts';
import { ApiError } from '../../src/management/api-error.ts';
import { MODEL_OPERATIONS } from '../../src/management/model/transfer-model.ts';
import { StateUnavailable } from '../../src/state/state-store.ts';
import type { AccessKeyRecord } from '../../src/state/records.ts';
import { call, doubledOperations, listening, OPERATION_NAMES, recordedLog, send, SERVER_ID } from './api-doubles.ts';
import { sampleInput } from './sample-input.ts';
import { EXAMPLE_KEY, signedHeaders } from './sign-request.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const READ_ONLY: AccessKeyRecord = { ...EXAMPLE_KEY, accessKeyId: 'LPAKREADONLYREADONLY', role: 'read-only' };

/** Everything that a raw connection answers until it ends. */
function rawExchange(port: number, write: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => {
      write(socket);
    });
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(answer);
    });
  });
}

describe('what is answered', () => {
  test('an output, its dates as seconds since the epoch', async () => {
    const HostKey = { Arn: 'arn:x', DateImported: new Date(1_700_000_000_250), Tags: [{ Key: 'a', Value: 'b' }] };
    await using api = await listening({ answer: () => ({ HostKey }) });
    const answer = await call(api.port, 'DescribeServer', { ServerId: SERVER_ID });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/x-amz-json-1.1',
      'x-amzn-requestid': expect.stringMatching(UUID),
      'cache-control': 'no-store',
    });
    expect(answer.json).toEqual({ HostKey: { ...HostKey, DateImported: 1_700_000_000.25 } });
  });

  test('nothing, where an operation has no output', async () => {
    await using api = await listening();
    const answer = await call(api.port, 'StartServer', { ServerId: SERVER_ID });
    expect([answer.status, answer.body]).toEqual([200, '']);
  });

  test('the operation knows who calls, and gets what was sent', async () => {
    await using api = await listening();
    await call(api.port, 'DescribeUser', { ServerId: SERVER_ID, UserName: 'anna' });
    expect(api.calls).toEqual([
      {
        operation: 'DescribeUser',
        input: { ServerId: SERVER_ID, UserName: 'anna' },
        caller: {
          accessKey: EXAMPLE_KEY,
          author: { accessKeyId: EXAMPLE_KEY.accessKeyId, remoteAddress: '127.0.0.1' },
        },
      },
    ]);
  });

  test('an exception, with its members', async () => {
    const refusal = new ApiError('ResourceNotFoundException', 'Unknown server', {
      Resource: SERVER_ID,
      ResourceType: 'Server',
    });
    await using api = await listening({ answer: () => Promise.reject(refusal) });
    const answer = await call(api.port, 'DescribeServer', { ServerId: SERVER_ID });
    expect(answer.status).toBe(400);
    expect(answer.headers['x-amzn-errortype']).toBe('ResourceNotFoundException');
    expect(answer.headers['x-amzn-requestid']).toMatch(UUID);
    expect(answer.json).toEqual({
      __type: 'ResourceNotFoundException',
      Message: 'Unknown server',
      Resource: SERVER_ID,
      ResourceType: 'Server',
    });
  });

  test.each<[Error, string]>([
    [new StateUnavailable('disk full at /secret/path'), 'ServiceUnavailableException'],
    [new TypeError('secret is not a function'), 'InternalServiceError'],
  ])('%s', async (thrown, exception) => {
    await using api = await listening({
      // A promise can be rejected with anything.
      answer: () => Promise.reject(thrown),
    });
    const answer = await call(api.port, 'DescribeServer', { ServerId: SERVER_ID });
    expect([answer.status, answer.json['__type']]).toEqual([500, exception]);
    expect(answer.body).not.toContain('secret');
    const requestId = answer.headers['x-amzn-requestid'];
    expect(api.lines).toContainEqual(expect.objectContaining({ level: 'error', requestId }));
  });

  test('operations that do not work here say so, all of them', async () => {
    await using api = await listening();
    const others = [...MODEL_OPERATIONS.keys()].filter((name) => !OPERATION_NAMES.some((known) => known === name));
    expect(others).toHaveLength(41);
    for (const operation of others) {
      const { status, json } = await call(api.port, operation, sampleInput(operation));
      expect([status, json['__type'], json['Message']]).toEqual([
        400,
        'InvalidRequestException',
        `not supported by Latticeport: ${operation}`,
      ]);
    }
    expect(api.calls).toEqual([]);
  });

  test('every operation that works takes an input with every member, and refuses an unknown one', async () => {
    await using api = await listening();
    for (const operation of OPERATION_NAMES) {
      const input = sampleInput(operation);
      expect([operation, (await call(api.port, operation, input)).status]).toEqual([operation, 200]);
      const { status, json } = await call(api.port, operation, { ...input, Nonsense: 1 });
      expect([status, json['__type']]).toEqual([400, 'InvalidRequestException']);
    }
    expect(api.calls).toHaveLength(OPERATION_NAMES.length);
  });

  test.each([
    ['TransferService.Nonsense', 'UnknownOperationException'],
    ['TransferService.constructor', 'UnknownOperationException'],
    ['OtherService.ListServers', 'UnknownOperationException'],
    ['Latticeport.ListServers', 'UnknownOperationException'],
    ['Latticeport.Nonsense', 'UnknownOperationException'],
    ['TransferService.ListSessions', 'UnknownOperationException'],
    ['TransferService.EndSession', 'UnknownOperationException'],
    ['TransferService.ListServers.x', 'UnknownOperationException'],
  ])('the target %s', async (target, exception) => {
    await using api = await listening();
    const headers = signedHeaders('ListServers', '{}', EXAMPLE_KEY, { headers: { 'x-amz-target': target } });
    const { status, json } = await send(api.port, headers, '{}');
    expect([status, json['__type']]).toEqual([400, exception]);
  });

  test('another content type', async () => {
    await using api = await listening();
    const headers = signedHeaders('ListServers', '{}', EXAMPLE_KEY, { headers: { 'content-type': 'text/plain' } });
    expect((await send(api.port, headers, '{}')).json['__type']).toBe('SerializationException');
  });

  test.each([
    ['GET', '/', 405],
    ['PUT', '/', 405],
    ['OPTIONS', '/', 405],
    ['POST', '/other', 404],
    ['POST', '/?X-Amz-Expires=900', 404],
    ['POST', '//', 404],
  ])('%s %s', async (method, path, status) => {
    await using api = await listening();
    const headers = signedHeaders('ListServers', '', EXAMPLE_KEY, { method, path: '/' });
    const answer = await send(api.port, headers, '', { method, path });
    expect(answer.status).toBe(status);
    expect(answer.headers['x-amzn-requestid']).toMatch(UUID);
    expect(api.calls).toEqual([]);
  });
});

describe('who may call', () => {
  test('a signature that is not right: 403, and nothing runs', async () => {
    await using api = await listening();
    const wrong = await call(api.port, 'ListServers', {}, { key: { ...EXAMPLE_KEY, secretAccessKey: 'x'.repeat(40) } });
    const nobody = await call(
      api.port,
      'ListServers',
      {},
      { key: { ...EXAMPLE_KEY, accessKeyId: 'LPAKNOBODYNOBODYNOB1' } },
    );
    for (const { status, json } of [wrong, nobody]) {
      expect([status, json['__type']]).toEqual([403, 'UnrecognizedClientException']);
    }
    expect(wrong.body).toBe(nobody.body);
    const { status, json } = await send(api.port, { 'content-type': 'application/x-amz-json-1.1' }, '{}');
    expect([status, json['__type']]).toEqual([403, 'IncompleteSignatureException']);
    expect(api.calls).toEqual([]);
    expect(api.lines.filter(({ event }) => event === 'management.unauthorized')).toHaveLength(3);
  });

  test('read-only changes nothing, over all operations', async () => {
    await using api = await listening({ keys: [READ_ONLY] });
    for (const [operation, { readonly }] of MODEL_OPERATIONS) {
      const { json } = await call(api.port, operation, sampleInput(operation), { key: READ_ONLY });
      if (!readonly) expect([operation, json['__type']]).toEqual([operation, 'AccessDeniedException']);
    }
    expect(api.calls.map(({ operation }) => operation).every((name) => /^(Describe|List)/.test(name))).toBe(true);
    expect(api.calls).toHaveLength(OPERATION_NAMES.filter((name) => /^(Describe|List)/.test(name)).length);
  });

  test('a key limited by a tag sees and changes the servers that have it', async () => {
    const serverTag = { Key: 'team', Value: 'blue' };
    const key: AccessKeyRecord = { ...EXAMPLE_KEY, serverTag };
    const other = 's-00000000000000009';
    await using api = await listening({
      keys: [key],
      tags: { [SERVER_ID]: [serverTag], [other]: [] },
      answer: ({ operation }) =>
        operation === 'ListServers' ? { Servers: [{ ServerId: other }, { ServerId: SERVER_ID }] } : null,
    });
    expect((await call(api.port, 'ListServers', {}, { key })).json).toEqual({ Servers: [{ ServerId: SERVER_ID }] });
    expect((await call(api.port, 'StopServer', { ServerId: SERVER_ID }, { key })).status).toBe(200);
    for (const ServerId of [other, 's-00000000000000008']) {
      expect((await call(api.port, 'StopServer', { ServerId }, { key })).json['__type']).toBe('AccessDeniedException');
    }
    expect(api.calls).toHaveLength(2);
  });
});

describe('limits', () => {
  test('a body that is too large, told before it has come and while it comes', async () => {
    await using api = await listening({ limits: { bodyBytes: 1000 } });
    const body = JSON.stringify({ NextToken: 'x'.repeat(2000) });
    const announced = await call(api.port, 'ListServers', body);
    expect([announced.status, announced.json['__type']]).toEqual([413, 'InvalidRequestException']);
    expect(announced.headers['connection']).toBe('close');
    const head = Object.entries(signedHeaders('ListServers', body, EXAMPLE_KEY)).map(
      ([name, value]) => `${name}: ${value}`,
    );
    const answer = await rawExchange(api.port, (socket) => {
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      socket.write(`POST / HTTP/1.1\r\n${head.join('\r\n')}\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(api.calls).toEqual([]);
  });

  test('a body that comes too slowly', async () => {
    await using api = await listening({ limits: { requestMs: 300, headersMs: 200 } });
    const head = Object.entries(signedHeaders('ListServers', '{}', EXAMPLE_KEY)).map(
      ([name, value]) => `${name}: ${value}`,
    );
    const answer = await rawExchange(api.port, (socket) => {
      socket.write(`POST / HTTP/1.1\r\n${head.join('\r\n')}\r\ncontent-length: 2\r\n\r\n{`);
    });
    expect(answer === '' || answer.startsWith('HTTP/1.1 408 ')).toBe(true);
    expect(api.calls).toEqual([]);
  });

  test('a head that comes too slowly', async () => {
    await using api = await listening({ limits: { requestMs: 300, headersMs: 200 } });
    const answer = await rawExchange(api.port, (socket) => {
      socket.write('POST / HTTP/1.1\r\nhost: x\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*x-amzn-RequestId: [0-9a-f-]{36}\r\n/);
  });

  test('a head that is too large, one with too many fields, and no HTTP at all', async () => {
    await using api = await listening();
    const huge = await rawExchange(api.port, (socket) => {
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\nauthorization: ${'x'.repeat(20_000)}\r\n\r\n`);
    });
    expect(huge).toMatch(/^HTTP\/1\.1 431 [^]*x-amzn-RequestId/);
    const none = await rawExchange(api.port, (socket) => {
      socket.write('SSH-2.0-OpenSSH_10.0\r\n');
    });
    expect(none).toMatch(/^HTTP\/1\.1 400 /);
    const many: Record<string, string> = {};
    for (let field = 0; field < 100; field += 1) many[`a-${field}`] = 'x';
    const answer = await send(api.port, { ...many, ...signedHeaders('ListServers', '{}', EXAMPLE_KEY) }, '{}');
    // Some Nodes refuse it, others leave the last ones out, and the signature with them.
    expect([403, 431]).toContain(answer.status);
    expect(api.calls).toEqual([]);
  });

  test('two requests at once on one connection', async () => {
    await using api = await listening({ answer: () => new Promise(() => undefined) });
    const head = Object.entries(signedHeaders('ListServers', '{}', EXAMPLE_KEY)).map(
      ([name, value]) => `${name}: ${value}`,
    );
    const one = `POST / HTTP/1.1\r\n${head.join('\r\n')}\r\ncontent-length: 2\r\n\r\n{}`;
    expect(await rawExchange(api.port, (socket) => socket.write(one.repeat(100)))).toBe('');
  });

  test('many connections that say nothing keep nobody out', async () => {
    await using api = await listening({ limits: { connections: 8 } });
    const silent = Array.from({ length: 50 }, () => rawExchange(api.port, () => undefined));
    for (let time = 0; time < 10; time += 1) expect((await call(api.port, 'ListServers')).status).toBe(200);
    expect((await Promise.race(silent)).length).toBe(0);
  });

  test('calls that run are not cut off by others that connect', async () => {
    const { promise, resolve } = Promise.withResolvers<null>();
    await using api = await listening({ limits: { connections: 4 }, answer: () => promise });
    const running = call(api.port, 'ListServers');
    await until(() => api.calls.length === 1);
    await Promise.all(
      Array.from({ length: 20 }, () =>
        rawExchange(api.port, (socket) => socket.end('GET / HTTP/1.1\r\nhost: x\r\n\r\n')),
      ),
    );
    resolve(null);
    expect((await running).status).toBe(200);
  });

  test('so many operations at once', async () => {
    const { promise, resolve } = Promise.withResolvers<null>();
    await using api = await listening({ limits: { atOnce: 2 }, answer: () => promise });
    const running = [call(api.port, 'ListServers'), call(api.port, 'ListServers')];
    await until(() => api.calls.length === 2);
    const { status, json, headers } = await call(api.port, 'ListServers');
    expect([status, json['__type'], json['RetryAfterSeconds'], headers['retry-after']]).toEqual([
      400,
      'ThrottlingException',
      '1',
      '1',
    ]);
    resolve(null);
    for (const each of running) expect((await each).status).toBe(200);
    expect((await call(api.port, 'ListServers')).status).toBe(200);
  });

  test('an operation that does not end', async () => {
    await using api = await listening({ limits: { operationMs: 50 }, answer: () => new Promise(() => undefined) });
    const { status, json } = await call(api.port, 'StopServer', { ServerId: SERVER_ID });
    expect([status, json['__type']]).toEqual([500, 'ServiceUnavailableException']);
  });

  test("a key's rate, which is its own", async () => {
    let now = Date.now();
    const keys = [EXAMPLE_KEY, READ_ONLY];
    await using api = await listening({ keys, now: () => now, limits: { keyRate: { perSecond: 0.5, burst: 3 } } });
    const at = now;
    for (let time = 0; time < 3; time += 1) expect((await call(api.port, 'ListServers', {}, { at })).status).toBe(200);
    const { json } = await call(api.port, 'ListServers', {}, { at });
    expect([json['__type'], json['RetryAfterSeconds']]).toEqual(['ThrottlingException', '2']);
    expect((await call(api.port, 'ListServers', {}, { at, key: READ_ONLY })).status).toBe(200);
    now += 2000;
    expect((await call(api.port, 'ListServers', {}, { at })).status).toBe(200);
    expect((await call(api.port, 'ListServers', {}, { at })).json['__type']).toBe('ThrottlingException');
  });

  test('refused signatures beyond their rate wait, and keep nobody out', async () => {
    const now = Date.now();
    await using api = await listening({
      now: () => now,
      limits: { failureRate: { perSecond: 0.1, burst: 2 }, failureDelayMs: 5 },
    });
    const wrong = { key: { ...EXAMPLE_KEY, secretAccessKey: 'x'.repeat(40) }, at: now };
    const names: unknown[] = [];
    for (let time = 0; time < 4; time += 1) names.push((await call(api.port, 'ListServers', {}, wrong)).json['__type']);
    expect(names).toEqual([
      'UnrecognizedClientException',
      'UnrecognizedClientException',
      'ThrottlingException',
      'ThrottlingException',
    ]);
    expect((await call(api.port, 'ListServers', {}, { at: now })).status).toBe(200);
    const told = api.lines.filter(({ event, level }) => event === 'management.unauthorized' && level === 'warn');
    expect(told).toHaveLength(2);
  });
});

describe('the port', () => {
  test('plain HTTP is not for addresses that others can reach', async () => {
    await using api = await listening();
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'sftp.example.org']) {
      await expect(api.listener.listen(host, 0)).rejects.toThrow(RangeError);
    }
  });

  test('a port that is taken', async () => {
    await using api = await listening();
    const { log } = recordedLog();
    const accessKey = (): undefined => undefined;
    const other = new ApiListener({ ...doubledOperations(), log, accessKey, serverTags: accessKey });
    await expect(other.listen('127.0.0.1', api.port)).rejects.toThrow('EADDRINUSE');
  });

  test('calls that run are answered when it closes, and no others', async () => {
    const { promise, resolve } = Promise.withResolvers<null>();
    await using api = await listening({ answer: () => promise });
    const running = call(api.port, 'ListServers');
    await until(() => api.calls.length === 1);
    const idle = rawExchange(api.port, () => undefined);
    const drained = api.listener.drain(60_000);
    await expect(call(api.port, 'ListServers')).rejects.toThrow('ECONNREFUSED');
    resolve(null);
    const { status, headers } = await running;
    expect([status, headers['connection']]).toEqual([200, 'close']);
    await drained;
    expect(await idle).toBe('');
  });

  test('a call that does not end is cut off in the end', async () => {
    await using api = await listening({ answer: () => new Promise(() => undefined) });
    const running = call(api.port, 'ListServers');
    await until(() => api.calls.length === 1);
    const cut = expect(running).rejects.toThrow('socket hang up');
    await api.listener.drain(20);
    await cut;
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it never came');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
