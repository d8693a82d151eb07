// The port for metrics, before clients that mean no good.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MetricsServer } from '../../src/telemetry/metrics-server.ts';
import { until } from '../transport/transport-pair.ts';

const HEADERS_MS = 300;
const CONNECTION_MS = 900;

let server: MetricsServer;
let port: number;
let notReady: string | null;
let metrics: () => Promise<string>;
let errors: unknown[];
const sockets: Socket[] = [];

beforeEach(async () => {
  notReady = null;
  errors = [];
  metrics = () => Promise.resolve('a_total 1\n');
  server = new MetricsServer(
    {
      metrics: () => metrics(),
      notReady: () => notReady,
      onError: (error) => errors.push(error),
    },
    { headersMs: HEADERS_MS, connectionMs: CONNECTION_MS },
  );
  ({ port } = await server.listen('127.0.0.1', 0));
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

interface Open {
  readonly socket: Socket;
  received: string;
  closed: boolean;
}

function open(): Open {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const state: Open = { socket, received: '', closed: false };
  socket.on('data', (data) => (state.received += data.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => (state.closed = true));
  return state;
}

/** Sends, and answers what came until the server closed the connection. */
async function exchange(request: string): Promise<string> {
  const state = open();
  state.socket.write(request);
  await until(() => state.closed, 'the connection is closed', 5000);
  return state.received;
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
const get = async (path: string, method = 'GET'): Promise<string> =>
  exchange(`${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);

describe('requests that follow each other in one packet', () => {
  test.each(['', 'Expect: 100-continue\r\nContent-Length: 1\r\n'])(
    'are answered once at the most (%j)',
    async (header) => {
      let asked = 0;
      metrics = () => {
        asked += 1;
        return Promise.resolve('a_total 1\n');
      };
      await exchange(`GET /metrics HTTP/1.1\r\nHost: x\r\n${header}\r\n`.repeat(500));
      expect(asked).toBeLessThanOrEqual(1);
      // Others are served as before.
      expect(statusOf(await get('/metrics'))).toBe(200);
    },
  );
});

describe('what is served', () => {
  test('the metrics, with and without a query; HEAD has the head only', async () => {
    const answer = await get('/metrics');
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n');
    expect(answer).toMatch(/\r\n\r\na_total 1\n$/);
    expect(statusOf(await get('/metrics?name[]=x'))).toBe(200);
    expect(await get('/metrics', 'HEAD')).toMatch(/\r\nContent-Length: 10\r\n[^]*\r\n\r\n$/);
  });

  test('health, and readiness with the reason', async () => {
    expect(await get('/healthz')).toMatch(/ 200 [^]*\r\n\r\nok\n$/);
    expect(statusOf(await get('/readyz'))).toBe(200);
    notReady = 'draining';
    expect(await get('/readyz')).toMatch(/^HTTP\/1\.1 503 [^]*\r\n\r\ndraining\n$/);
    expect(statusOf(await get('/healthz'))).toBe(200);
  });

  test('a failure says nothing of its reason to the client', async () => {
    metrics = () => Promise.reject(new Error('secret'));
    const answer = await get('/metrics');
    expect(statusOf(answer)).toBe(500);
    expect(answer).not.toContain('secret');
    expect(errors).toMatchObject([{ message: 'secret' }]);
  });
});

describe('what is refused', () => {
  test.each([
    '/',
    '/Metrics',
    '/metrics/',
    '//metrics',
    '/../metrics',
    '/healthz/x',
    '/%6detrics',
    'http://x/metrics',
    '*',
  ])('the path %s', async (path) => {
    expect(statusOf(await get(path))).toBe(404);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])('%s', async (method) => {
    const answer = await get('/metrics', method);
    expect(statusOf(answer)).toBe(405);
    expect(answer).toContain('\r\nAllow: GET, HEAD\r\n');
  });

  test('CONNECT, and a switch to another protocol', async () => {
    expect(await get('x:22', 'CONNECT')).not.toMatch(/^HTTP\/1\.1 [12]/);
    const answer = await exchange(
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    expect(statusOf(answer)).not.toBe(101);
  });

  test('a huge header', async () => {
    const answer = await exchange(`GET /metrics HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`);
    expect([431, NaN]).toContain(statusOf(answer));
  });

  test('what is no HTTP', async () => {
    expect(statusOf(await exchange('SSH-2.0-OpenSSH_10.2\r\n'))).toBe(400);
  });

  test('a body that waits for leave, and one without end', async () => {
    const waiting = 'POST /metrics HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n';
    expect(statusOf(await exchange(waiting))).toBe(405);
    const endless = open();
    endless.socket.write('POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const timer = setInterval(() => endless.socket.write('1\r\na\r\n'), 20);
    await until(() => endless.closed, 'it is cut off', 5000);
    clearInterval(timer);
    expect(statusOf(endless.received)).toBe(405);
  });

  test('slow clients, as many as there is room for, keep nobody else from asking', async () => {
    const slow = Array.from({ length: 64 }, () => {
      const state = open();
      state.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
      return state;
    });
    await until(() => slow.every(({ socket }) => !socket.connecting), 'they are there');
    for (let i = 0; i < 5; i += 1) expect(statusOf(await get('/healthz'))).toBe(200);
  });

  test('a second request on the same connection', async () => {
    const answer = await exchange('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toContain('\r\nConnection: close\r\n');
  });

  test('silence, and a head that comes byte by byte', async () => {
    const silent = open();
    const slow = open();
    slow.socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n');
    const timer = setInterval(() => slow.socket.write('X'), 20);
    await until(() => silent.closed && slow.closed, 'both are cut off', 5000);
    clearInterval(timer);
    expect([silent.received, slow.received].map(statusOf)).not.toContain(200);
  });

  test('more connections than there is room for; afterwards there is room again', async () => {
    const many = Array.from({ length: 100 }, open);
    await until(() => many.filter(({ closed }) => closed).length >= 36, 'the surplus is cut off', 5000);
    // The oldest, and not who came last.
    expect(many.slice(0, 36).every(({ closed }) => closed)).toBe(true);
    await until(() => many.every(({ closed }) => closed), 'the rest is cut off for its silence', 5000);
    expect(statusOf(await get('/healthz'))).toBe(200);
  });
});

test('closing ends what is open', async () => {
  const state = open();
  await until(() => !state.socket.connecting, 'it is there');
  server.close();
  await until(() => state.closed, 'it is closed');
});
