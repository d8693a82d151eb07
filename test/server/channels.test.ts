import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SshReader } from '../../src/wire/reader.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import type { TestServer } from './test-server.ts';
import { PASSWORD, startTestServer } from './test-server.ts';

let server: TestServer;
let client: SshTestClient;

beforeAll(async () => {
  server = await startTestServer({ storage: { type: 'memory' }, limits: { sessionsPerConnection: 3 } });
});

afterAll(async () => {
  await server.stop();
});

beforeEach(async () => {
  client = SshTestClient.connect(server.port, { algorithms: MODERN });
  await client.startAuth();
  expect(await client.password('demo', PASSWORD)).toBe(52);
});

afterEach(() => {
  client.end();
});

const INIT = Buffer.from('000000050100000003', 'hex');

async function sftp(window?: number, maxPacket?: number): Promise<number> {
  const channel = await client.openSession(window, maxPacket);
  expect(await client.request(channel, 'subsystem', 'sftp')).toBe(true);
  return channel;
}

async function received(bytes: number): Promise<Buffer> {
  let all = Buffer.alloc(0);
  await client.until(() => {
    all = Buffer.concat([all, client.takeData()]);
    return all.length >= bytes;
  }, `${bytes} bytes of channel data have come`);
  return all;
}

test('SFTP starts: VERSION 3 answers INIT', async () => {
  const channel = await sftp();
  client.data(channel, INIT);
  const version = await received(9);
  expect(version.subarray(4, 9)).toEqual(Buffer.from('0200000003', 'hex'));
});

test('EOF ends the session with exit status 0, EOF and CLOSE', async () => {
  const channel = await sftp();
  client.data(channel, INIT);
  await received(9);
  client.transport.send(new SshWriter().byte(96).uint32(channel).finish());
  const status = new SshReader(await client.take(98), 5);
  expect([status.ascii(), status.boolean(), status.uint32()]).toEqual(['exit-status', false, 0]);
  await client.take(96);
  await client.take(97);
});

test.each([
  ['shell', undefined],
  ['exec', 'scp -t /x'],
])('%s is refused with a clear message and exit status 1', async (type, command) => {
  const channel = await client.openSession();
  await client.request(channel, type, command);
  expect((await client.take(95)).toString('latin1')).toContain('SFTP connections only');
  const status = new SshReader(await client.take(98), 5);
  expect([status.ascii(), status.boolean(), status.uint32()]).toEqual(['exit-status', false, 1]);
  await client.take(97);
});

test('after a refused exec the channel is spent: no second program, nothing after CLOSE', async () => {
  const channel = await client.openSession();
  await client.request(channel, 'exec', 'id');
  await client.take(97);
  expect(await client.request(channel, 'exec', 'id')).toBe(false);
  expect(await client.request(channel, 'subsystem', 'sftp')).toBe(false);
  expect(client.received.filter((message) => [94, 95, 96, 97].includes(message[0] ?? 0))).toHaveLength(2);
});

test('EOF before the subsystem ends it as soon as it runs', async () => {
  const channel = await client.openSession();
  client.transport.send(new SshWriter().byte(96).uint32(channel).finish());
  expect(await client.request(channel, 'subsystem', 'sftp')).toBe(true);
  await client.take(97);
});

test.each(['pty-req', 'x11-req', 'auth-agent-req@openssh.com', 'env'])(
  '%s is refused, the channel lives on',
  async (type) => {
    const channel = await client.openSession();
    expect(await client.request(channel, type, 'x')).toBe(false);
    expect(await client.request(channel, 'subsystem', 'sftp')).toBe(true);
  },
);

test('an unknown subsystem, and a second one on the same channel', async () => {
  const channel = await client.openSession();
  expect(await client.request(channel, 'subsystem', 'netconf')).toBe(false);
  expect(await client.request(channel, 'subsystem', 'sftp')).toBe(true);
  expect(await client.request(channel, 'subsystem', 'sftp')).toBe(false);
});

describe('channel open', () => {
  const open = (type: string, maxPacket = 32_768): void => {
    client.transport.send(new SshWriter().byte(90).string(type).uint32(5).uint32(1000).uint32(maxPacket).finish());
  };

  test.each([
    ['direct-tcpip', 1],
    ['x11', 1],
  ])('%s is refused with reason %i', async (type, reason) => {
    open(type);
    const reader = new SshReader(await client.take(92), 1);
    expect([reader.uint32(), reader.uint32()]).toEqual([5, reason]);
  });

  test.each([0, 1, 255])('a maximum packet of %i bytes is refused', async (bytes) => {
    open('session', bytes);
    await client.take(92);
  });

  test('more sessions than allowed are refused, the others work', async () => {
    const channels = [await client.openSession(), await client.openSession(), await client.openSession()];
    open('session');
    const reader = new SshReader(await client.take(92), 1);
    expect([reader.uint32(), reader.uint32()]).toEqual([5, 4]);
    expect(await client.request(channels[2] ?? 0, 'subsystem', 'sftp')).toBe(true);
  });

  test('no-more-sessions@openssh.com', async () => {
    client.transport.send(new SshWriter().byte(80).string('no-more-sessions@openssh.com').boolean(false).finish());
    open('session');
    await client.take(92);
  });
});

test('port forwarding and keep-alives get a failure, which is an answer', async () => {
  for (const name of ['tcpip-forward', 'keepalive@openssh.com', 'hostkeys-prove-00@openssh.com']) {
    client.transport.send(new SshWriter().byte(80).string(name).boolean(true).finish());
    expect(await client.take(81, 82)).toEqual(Buffer.from([82]));
  }
});

test('an unknown message is answered with UNIMPLEMENTED, and the connection lives on', async () => {
  client.transport.send(new SshWriter().byte(199).finish());
  await until(() => !client.transport.closed, 'open');
  expect(await client.request(await client.openSession(), 'subsystem', 'sftp')).toBe(true);
});

describe('windows', () => {
  test('a window of one byte, topped up byte by byte, carries a whole answer', async () => {
    const channel = await sftp(1, 256);
    client.data(channel, INIT);
    let answer = Buffer.alloc(0);
    while (answer.length < 9) {
      answer = Buffer.concat([answer, await received(1)]);
      client.transport.send(new SshWriter().byte(93).uint32(channel).uint32(1).finish());
    }
    expect(answer.subarray(4, 9)).toEqual(Buffer.from('0200000003', 'hex'));
  });

  test('a window of 2^32 - 1 that is topped up further (FileZilla)', async () => {
    const channel = await sftp(0xffff_ffff, 0xffff_ffff);
    client.transport.send(new SshWriter().byte(93).uint32(channel).uint32(0xffff_ffff).finish());
    client.data(channel, INIT);
    await received(9);
  });

  test('data past our window ends the connection', async () => {
    const channel = await client.openSession();
    await client.request(channel, 'subsystem', 'sftp');
    // Never answered, so never given back: a packet that claims 200 KB and comes slowly is fine, 9 MiB are not.
    const chunk = Buffer.alloc(32_000);
    chunk.writeUInt32BE(260_000);
    chunk.writeUInt8(6, 4);
    for (let i = 0; i < 300 && client.closed === null; i += 1)
      client.data(channel, i === 0 ? chunk : Buffer.alloc(32_000));
    expect((await client.whenClosed()).reason).toBe(2);
  });

  test('data after EOF ends the connection', async () => {
    const channel = await sftp();
    client.transport.send(new SshWriter().byte(96).uint32(channel).finish());
    client.data(channel, INIT);
    expect((await client.whenClosed()).reason).toBe(2);
  });

  test('a message for a channel that was never open ends the connection', async () => {
    client.data(12_345, INIT);
    expect((await client.whenClosed()).reason).toBe(2);
  });
});

test('when the clients have gone no connection is left', async () => {
  client.end();
  await until(() => server.running.listener.sessions === 0, 'all connections have ended');
});
