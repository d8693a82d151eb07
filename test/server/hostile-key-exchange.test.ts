// Public values that no honest client sends, over TCP, in every key exchange method: each ends in SSH_MSG_DISCONNECT with
// reason 3 (key exchange failed), one line in the log, and a server that goes on.
import { connect } from 'node:net';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KEX_BY_NAME } from '../../src/crypto/algorithms/algorithm-table.ts';
import { createKexMethod, prepareKexMethods } from '../../src/crypto/kex/kex-constructors.ts';
import { noneOpener, noneSealer } from '../../src/crypto/cipher/cipher-constructors.ts';
import { encodeKexInit, kexInitFor } from '../../src/negotiation/kexinit.ts';
import { PacketReader } from '../../src/transport/packet-reader.ts';
import { PacketWriter } from '../../src/transport/packet-writer.ts';
import { VersionReader } from '../../src/transport/version-exchange.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import type { TestServer } from './test-server.ts';
import { startTestServer } from './test-server.ts';

const [SSH_MSG_DISCONNECT, SSH_MSG_KEX_INIT_METHOD] = [1, 30];

const HYBRIDS = [...KEX_BY_NAME.values()].filter(({ family }) => family === 'pq-hybrid').map(({ name }) => name);
const POINT_BYTES = { X25519: 32, 'P-256': 65, 'P-384': 97, 'P-521': 133 } as const;

/** Bad public values of a method, by what is wrong with them; `good` is one that a client made. */
function badValues(method: string, good: Buffer): [what: string, value: Buffer][] {
  const { classical = '', pq = null } = KEX_BY_NAME.get(method) ?? {};
  const bad: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['a byte short', good.subarray(1)],
    ['a byte long', Buffer.concat([good, Buffer.of(0)])],
  ];
  const pointBytes = POINT_BYTES[classical as keyof typeof POINT_BYTES];
  const point = good.length - pointBytes;
  const spoilt = Buffer.from(good);
  if (classical === 'X25519') bad.push(['an all-zero X25519 value', spoilt.fill(0, point)]);
  else {
    spoilt.writeUInt8(spoilt.readUInt8(spoilt.length - 1) ^ 1, spoilt.length - 1);
    bad.push(['a point off the curve', spoilt]);
    const infinity = Buffer.from(good).fill(0, point);
    bad.push(['the point at infinity', infinity]);
  }
  // Three bytes are two coefficients of twelve bits: 4095 is not below q = 3329 (FIPS 203 §7.2).
  if (pq === 'ml-kem' || pq === 'kyber') bad.push(['an invalid KEM key', Buffer.from(good).fill(0xff, 0, 3)]);
  return bad;
}

/** Sends `value` as the client's public value; resolves to the reasons of the disconnects that come back. */
async function disconnectsFor(port: number, method: string, value: Buffer): Promise<number[]> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const writer = new PacketWriter(noneSealer());
  const packets = new PacketReader(noneOpener(), 65_536);
  const versions = new VersionReader('server');
  const reasons: number[] = [];
  let version = false;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    const read = version ? { rest: chunk } : versions.push(chunk);
    if (read === null) return;
    version = true;
    packets.push(read.rest);
    for (let payload = packets.next(); payload !== null; payload = packets.next()) {
      if (payload[0] === SSH_MSG_DISCONNECT) reasons.push(new SshReader(payload, 1).uint32());
    }
  });
  socket.write('SSH-2.0-Hostile\r\n');
  for (const payload of [
    encodeKexInit(kexInitFor({ ...MODERN, kex: [method] }, 'client', 'later'), randomBytes(16)),
    new SshWriter(4096).byte(SSH_MSG_KEX_INIT_METHOD).string(value).finish(),
  ]) {
    for (const chunk of writer.seal(payload, [])) socket.write(chunk);
  }
  await until(() => socket.closed, 'the server has closed the connection');
  return reasons;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    securityPolicy: 'TransferPQSecurityPolicy-Test-Everything',
    policyDirectories: [path.join(import.meta.dirname, 'policies')],
  });
  await prepareKexMethods(HYBRIDS);
});
afterAll(async () => {
  await server.stop();
});

async function expectRefusal(method: string, value: Buffer): Promise<void> {
  const from = server.log.length;
  expect(await disconnectsFor(server.port, method, value)).toEqual([3]);
  const since = () => server.log.slice(from);
  await until(() => since().some(({ event }) => event === 'session.closed'), 'the end is in the log');
  // The connection's beginning, and its end with the reason: nothing else.
  expect(since().map(({ event }) => event)).toEqual(['session.opened', 'session.closed']);
  expect(since().at(-1)).toMatchObject({ reason: 3, msg: expect.any(String) });
}

describe.each([...HYBRIDS, 'curve25519-sha256', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521'])(
  '%s',
  (method) => {
    test('each bad public value', async () => {
      const client = createKexMethod(method).startClient();
      for (const [what, value] of badValues(method, client.init)) {
        await expectRefusal(method, value).catch((error: unknown) => {
          throw new Error(what, { cause: error });
        });
      }
      client.dispose();
    });
  },
);

test.each(['diffie-hellman-group14-sha256', 'diffie-hellman-group16-sha512'])(
  '%s: 0, 1, and a number beyond the group',
  async (method) => {
    const beyond = Buffer.alloc(600, 0x7f);
    for (const value of [Buffer.alloc(0), Buffer.of(1), beyond]) await expectRefusal(method, value);
  },
);

test('after all that an honest client is served', async () => {
  const client = SshTestClient.connect(server.port, { algorithms: { ...MODERN, kex: ['mlkem768x25519-sha256'] } });
  expect((await client.keyExchange()).negotiated.kex).toBe('mlkem768x25519-sha256');
  client.end();
});
