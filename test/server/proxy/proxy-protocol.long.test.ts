// Clients behind balancers: their own addresses are in the log and decide who may come, and nobody else can claim one.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { SshTestClient } from '../../client/ssh-test-client.ts';
import { MODERN, until } from '../../transport/transport-pair.ts';
import { findSftp } from '../openssh-sftp.ts';
import { run } from '../run.ts';
import { startTestServer, type ConfigInput, type LogLine, type TestServer } from '../test-server.ts';
import { Balancer, v2Header } from './balancer.ts';

const OWN = '127.0.0.2';
const V1 = Buffer.from('PROXY TCP4 203.0.113.9 127.0.0.1 50000 22\r\n');
const V2 = v2Header('203.0.113.9', 50000);
const FROM_OWN = { networks: ['127.0.0.2/32'] };

let server: TestServer;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await server.stop();
});

async function start(changes: Partial<ConfigInput>): Promise<void> {
  server = await startTestServer({ storage: { type: 'memory' }, ...changes });
}

const listening = (proxyProtocol: NonNullable<ConfigInput['listen']>['proxyProtocol']): Partial<ConfigInput> => ({
  listen: { host: '127.0.0.1', port: 0, proxyProtocol },
});
const logged = (event: string): LogLine[] => server.log.filter((line) => line.event === event);

/** A connection from `localAddress` that begins with these pieces; each goes by itself. */
async function begin(localAddress: string, ...pieces: readonly (Buffer | string)[]): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: server.port, localAddress, noDelay: true });
  ends.push(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
  return socket;
}

async function login(socket: Socket): Promise<void> {
  const client = new SshTestClient(socket, { algorithms: MODERN });
  await client.startAuth();
  ends.push(() => {
    client.end();
  });
}

async function isClosed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.destroyed) await once(socket, 'close');
}

describe.each(['accept', 'enforce'] as const)('%s', (mode) => {
  test.each([
    ['version 1', V1],
    ['version 2', V2],
  ])('a header of %s from a balancer says where the client is', async (_, header) => {
    await start(listening({ mode, ...FROM_OWN }));
    await login(await begin(OWN, header));
    expect(logged('session.opened')).toEqual([
      expect.objectContaining({ remoteAddress: '203.0.113.9', remotePort: 50000, proxy: OWN }),
    ]);
  });

  test('the header may come byte by byte, and along with what the client says', async () => {
    await start(listening({ mode, ...FROM_OWN }));
    await login(await begin(OWN, ...V1.toString().split('')));
    const whole = connect({ host: '127.0.0.1', port: server.port, localAddress: OWN });
    await once(whole, 'connect');
    // As one packet: the identification of the client (RFC 4253 §4.2) is behind the header.
    whole.cork();
    whole.write(V2);
    process.nextTick(() => {
      whole.uncork();
    });
    await login(whole);
    expect(logged('session.opened').map(({ remoteAddress }) => remoteAddress)).toEqual(['203.0.113.9', '203.0.113.9']);
  });

  test('a balancer that speaks for itself is served as what it is', async () => {
    await start(listening({ mode, ...FROM_OWN }));
    await login(await begin(OWN, 'PROXY UNKNOWN\r\n'));
    expect(logged('session.opened')).toMatchObject([{ remoteAddress: OWN }]);
  });

  test('a broken header ends the connection', async () => {
    await start(listening({ mode, ...FROM_OWN }));
    await isClosed(await begin(OWN, 'PROXY TCP4 somewhere 127.0.0.1 1 2\r\n'));
    expect(logged('connection.refused')).toMatchObject([{ remoteAddress: OWN, reason: 'proxy-header' }]);
    expect(logged('session.opened')).toEqual([]);
  });

  test('half a header costs a waiting place for a few seconds, and no more', async () => {
    await start(listening({ mode, ...FROM_OWN }));
    await isClosed(await begin(OWN, 'PROXY TCP4 203'));
    expect(logged('connection.refused')).toMatchObject([{ remoteAddress: OWN, reason: 'proxy-header' }]);
  });
});

test('accept: who is no balancer cannot lie about its address', async () => {
  await start(listening({ mode: 'accept', ...FROM_OWN }));
  const liar = await begin('127.0.0.3', V1);
  await isClosed(liar);
  expect(logged('session.opened')).toMatchObject([{ remoteAddress: '127.0.0.3' }]);
  await login(await begin('127.0.0.3'));
});

test('accept: a balancer without a header is served, also where it waits for the server to speak first', async () => {
  await start(listening({ mode: 'accept', ...FROM_OWN }));
  await login(await begin(OWN));
  const silent = await begin(OWN);
  const [greeting] = (await once(silent, 'data')) as [Buffer];
  expect(greeting.toString()).toMatch(/^SSH-2\.0-Latticeport/);
  expect(logged('session.opened').map(({ remoteAddress }) => remoteAddress)).toEqual([OWN, OWN]);
});

test('enforce: no header, another version and another network are refused', async () => {
  await start(listening({ mode: 'enforce', ...FROM_OWN, versions: [2] }));
  await isClosed(await begin(OWN, 'SSH-2.0-client\r\n'));
  await isClosed(await begin(OWN, V1));
  await isClosed(await begin('127.0.0.3', V2));
  expect(logged('connection.refused').map(({ remoteAddress, reason }) => [remoteAddress, reason])).toEqual([
    [OWN, 'proxy-header'],
    [OWN, 'proxy-header'],
    ['127.0.0.3', 'network'],
  ]);
  expect(logged('session.opened')).toEqual([]);
  await login(await begin(OWN, V2));
});

test('off: a header is no SSH', async () => {
  await start({});
  await isClosed(await begin(OWN, V1));
  expect(logged('session.opened')).toMatchObject([{ remoteAddress: OWN }]);
  expect(logged('auth.success')).toEqual([]);
});

test('silent connections keep nobody out: the oldest of them make room', async () => {
  await start({
    ...listening({ mode: 'enforce', ...FROM_OWN }),
    limits: { unauthenticatedConnections: 4, connectionsPerSecondPerSource: 0 },
  });
  const silent = await Promise.all(Array.from({ length: 12 }, () => begin(OWN)));
  await login(await begin(OWN, V2));
  await Promise.all(silent.map(isClosed));
  const refusals = logged('connection.refused');
  expect(refusals.map(({ reason }) => reason)).toEqual(silent.map(() => 'proxy-silent'));
});

test('limits for a source are those of the client, not of its balancer', async () => {
  await start({
    ...listening({ mode: 'enforce', ...FROM_OWN }),
    limits: { connectionsPerSecondPerSource: 0.01 },
  });
  const refused = async (source: string): Promise<number> => {
    const sockets = await Promise.all(Array.from({ length: 40 }, () => begin(OWN, v2Header(source, 1))));
    await until(
      () => logged('connection.refused').some(({ remoteAddress }) => remoteAddress === source),
      `${source} has too many`,
    );
    for (const socket of sockets) socket.destroy();
    return logged('connection.refused').filter(({ remoteAddress }) => remoteAddress === source).length;
  };
  expect(await refused('203.0.113.1')).toBeGreaterThan(0);
  await login(await begin(OWN, v2Header('203.0.113.2', 1)));
});

test('networks of the server are those of the client', async () => {
  await start({
    ...listening({ mode: 'enforce', ...FROM_OWN }),
    allowedNetworks: ['203.0.113.0/24'],
    deniedNetworks: ['203.0.113.128/25'],
  });
  await login(await begin(OWN, v2Header('203.0.113.9', 1)));
  await isClosed(await begin(OWN, v2Header('203.0.113.200', 1)));
  await isClosed(await begin(OWN, v2Header('198.51.100.1', 1)));
  expect(logged('connection.refused').map(({ remoteAddress, reason }) => [remoteAddress, reason])).toEqual([
    ['203.0.113.200', 'network'],
    ['198.51.100.1', 'network'],
  ]);
});

const sftp = findSftp();
(sftp === null ? test.skip : test)('OpenSSH behind a balancer puts and gets', async () => {
  await start(listening({ mode: 'enforce', ...FROM_OWN }));
  const balancer = await Balancer.start(server.port, OWN, V2);
  ends.push(() => balancer.stop());
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
  ];
  const { status, stderr } = await run(
    [
      ...(sftp?.command ?? []),
      ...['-F', 'none', '-b', '-', '-P', String(balancer.port)],
      ...[...options, `IdentityFile=${server.userKey('ed25519')}`].flatMap((option) => ['-o', option]),
      'demo@127.0.0.1',
    ],
    { input: `put ${server.knownHosts} f\nls -l f\nrm f\n` },
  );
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  expect(logged('auth.success')).toMatchObject([{ remoteAddress: '203.0.113.9', user: 'demo' }]);
});
