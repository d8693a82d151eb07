// A server that lets the client's KEXINIT come first, and lists post-quantum methods only where the client has one.
import { randomBytes } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { noneOpener, noneSealer } from '../../src/crypto/cipher/cipher-constructors.ts';
import { createKexMethod, prepareKexMethods } from '../../src/crypto/kex/kex-constructors.ts';
import { decodeKexInit, encodeKexInit } from '../../src/negotiation/kexinit.ts';
import { PacketReader } from '../../src/transport/packet-reader.ts';
import { PacketWriter } from '../../src/transport/packet-writer.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { clientKexInit, rawClient, VERSION } from './raw-client.ts';
import type { PairOptions, Side } from './transport-pair.ts';
import { clientSide, connected, serverSide, until } from './transport-pair.ts';

const MLKEM = 'mlkem768x25519-sha256';
const SNTRUP = 'sntrup761x25519-sha512';
const X25519 = 'curve25519-sha256';
const STRICT = 'kex-strict-s-v00@openssh.com';
/** A deadline that no test comes to, and one that passes at once. */
const NEVER = 3600;
const AT_ONCE = 0.01;

beforeAll(() => prepareKexMethods([MLKEM, SNTRUP, X25519]));

const insisting = (waitSeconds: number, kex = [MLKEM, SNTRUP]): PairOptions => ({
  server: { kex: [MLKEM, SNTRUP, X25519] },
  insistence: { kex, waitSeconds },
});

const classicalFirst = { client: { kex: [X25519, SNTRUP] } };

/** The methods that the server listed in its KEXINITs. */
const listed = ({ exchanges }: Side): (readonly string[])[] => exchanges.map(({ server }) => server.kex);

describe('a client that prefers a classical method', () => {
  test('has its way with a server that offers', async () => {
    const { client } = await connected({ ...classicalFirst, server: { kex: [MLKEM, SNTRUP, X25519] } });
    expect(client.exchanges[0]?.negotiated.kex).toBe(X25519);
    expect(listed(client)).toEqual([[MLKEM, SNTRUP, X25519, STRICT]]);
  });

  test('comes to a post-quantum one with a server that insists', async () => {
    const both = await connected({ ...classicalFirst, ...insisting(NEVER) });
    expect(both.client.exchanges[0]).toMatchObject({ negotiated: { kex: SNTRUP }, strict: true });
    expect(listed(both.client)).toEqual([[MLKEM, SNTRUP, STRICT]]);
    expect(both.server.transport.sessionId).toEqual(both.client.transport.sessionId);
  });

  test('is refused by a server that lists nothing else, if it has nothing else', async () => {
    const options = { client: { kex: [X25519] }, server: { kex: [MLKEM, SNTRUP] } };
    await expect(connected(options)).rejects.toMatchObject({ reason: 3 });
  });

  test('without a post-quantum one gets the whole list, at once', async () => {
    const { client } = await connected({ ...insisting(NEVER), client: { kex: [X25519] } });
    expect(client.exchanges[0]?.negotiated.kex).toBe(X25519);
    expect(listed(client)).toEqual([[MLKEM, SNTRUP, X25519, STRICT]]);
  });
});

describe('a client that waits for the KEXINIT of the server', () => {
  test('gets the whole list when the time is up', async () => {
    const { raw, send, server, received } = rawClient(insisting(AT_ONCE));
    raw(VERSION);
    await until(() => received.length > 0, 'the KEXINIT of the server has come');
    expect(decodeKexInit(received[0] ?? Buffer.alloc(0)).kex).toEqual([MLKEM, SNTRUP, X25519, STRICT]);
    send(clientKexInit({ kex: [X25519, SNTRUP] }));
    send(new SshWriter().byte(30).string(randomBytes(32)).finish());
    await until(() => received.some((payload) => payload[0] === 31), 'the reply has come');
    expect(received.filter((payload) => payload[0] === 20)).toHaveLength(1);
    expect(server.closed).toEqual([]);
  });

  test('gets it too when it says nothing at all, not even its version', async () => {
    const { received } = rawClient(insisting(AT_ONCE));
    await until(() => received.length > 0, 'the KEXINIT of the server has come');
  });

  test('after half a KEXINIT gets it, and goes on with the other half', async () => {
    const { raw, send, server, received } = rawClient(insisting(AT_ONCE));
    const packet = Buffer.concat([
      ...new PacketWriter(noneSealer()).seal(clientKexInit({ kex: [X25519, SNTRUP] }), []),
    ]);
    raw(VERSION);
    raw(packet.subarray(0, 100));
    await until(() => received.length > 0, 'the KEXINIT of the server has come');
    raw(packet.subarray(100));
    send(new SshWriter().byte(30).string(randomBytes(32)).finish());
    await until(() => received.some((payload) => payload[0] === 31), 'the reply has come');
    expect(server.closed).toEqual([]);
  });

  test('is sent nothing but the version line before', async () => {
    const { raw, server, received } = rawClient(insisting(NEVER));
    const packet = Buffer.concat([...new PacketWriter(noneSealer()).seal(clientKexInit({ kex: [SNTRUP] }), [])]);
    raw(VERSION);
    raw(packet.subarray(0, -1));
    await until(() => server.transport.bytesReceived === VERSION.length + packet.length - 1, 'all but a byte is there');
    expect(received).toEqual([]);
    expect(server.transport.bytesSent).toBe('SSH-2.0-Latticeport_test\r\n'.length);
    expect(server.transport.writable).toBe(false);
    raw(packet.subarray(-1));
    await until(() => received.length > 0, 'the KEXINIT of the server has come');
  });

  test.each([
    ['a key exchange message', 30],
    ['NEWKEYS', 21],
    ['a login', 50],
  ])('may not send %s meanwhile', async (_, number) => {
    const { raw, send, server } = rawClient(insisting(NEVER));
    raw(VERSION);
    send(new SshWriter().byte(number).string('x').finish());
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]).toMatchObject({ reason: 2 });
  });
});

describe('a guessed packet', () => {
  const value = (method: string): Buffer =>
    new SshWriter().byte(30).string(createKexMethod(method).startClient().init).finish();

  test('for the classical method is wrong, and is dropped', async () => {
    const { raw, send, server, received } = rawClient(insisting(NEVER));
    raw(VERSION);
    send(clientKexInit({ kex: [X25519, SNTRUP], firstKexPacketFollows: true }));
    send(value(X25519));
    send(value(SNTRUP));
    await until(() => received.some((payload) => payload[0] === 31), 'the reply has come');
    await until(() => received.some((payload) => payload[0] === 21), 'there are keys');
    expect(server.closed).toEqual([]);
  });

  test('is right where both lists, as they were sent, begin with its method', async () => {
    // With its whole list the server would begin with X25519, and the guess would be wrong.
    const { raw, send, server, received } = rawClient({
      server: { kex: [X25519, SNTRUP] },
      insistence: { kex: [SNTRUP], waitSeconds: NEVER },
    });
    raw(VERSION);
    send(clientKexInit({ kex: [SNTRUP, X25519], firstKexPacketFollows: true }));
    send(value(SNTRUP));
    await until(() => received.some((payload) => payload[0] === 21), 'there are keys');
    expect(server.closed).toEqual([]);
  });
});

describe('later exchanges', () => {
  test.each(['client', 'server'] as const)('begun by the %s keep what was insisted on', async (who) => {
    const both = await connected({ ...classicalFirst, ...insisting(NEVER) });
    both[who].transport.rekey();
    await until(() => both.client.exchanges.length > 1 && both.server.exchanges.length > 1, 'there are new keys');
    expect(both.client.exchanges.map(({ negotiated }) => negotiated.kex)).toEqual([SNTRUP, SNTRUP]);
    expect(listed(both.client)).toEqual([
      [MLKEM, SNTRUP, STRICT],
      [MLKEM, SNTRUP, STRICT],
    ]);
  });
});

test('a proxy that takes the post-quantum names out of the KEXINIT of the client fails the exchange hash', async () => {
  const [serverEnd, proxyToServer] = duplexPair();
  const [clientEnd, proxyToClient] = duplexPair();
  const server = serverSide(serverEnd, insisting(NEVER));
  proxyToServer.on('data', (chunk: Buffer) => proxyToClient.write(chunk));
  const packets = new PacketReader(noneOpener(), 65_536);
  const writer = new PacketWriter(noneSealer());
  let versionPassed = false;
  proxyToClient.on('data', (chunk: Buffer) => {
    let rest = chunk;
    if (!versionPassed) {
      const end = chunk.indexOf('\n') + 1;
      proxyToServer.write(chunk.subarray(0, end));
      rest = chunk.subarray(end);
      versionPassed = true;
    }
    packets.push(rest);
    for (let payload = packets.next(); payload !== null; payload = packets.next()) {
      const passed = payload[0] === 20 ? withoutPostQuantum(payload) : payload;
      for (const part of writer.seal(passed, [])) proxyToServer.write(part);
    }
  });
  const client = clientSide(clientEnd, classicalFirst);
  await until(() => client.closed.length > 0, 'the client has ended it');
  expect(client.closed[0]).toMatchObject({ reason: 3, message: 'host key signature does not verify' });
  expect(client.exchanges).toEqual([]);
  expect(server.exchanges).toEqual([]);
});

function withoutPostQuantum(payload: Buffer): Buffer {
  const init = decodeKexInit(payload);
  return encodeKexInit({ ...init, kex: init.kex.filter((name) => name !== SNTRUP) }, payload.subarray(1, 17));
}
