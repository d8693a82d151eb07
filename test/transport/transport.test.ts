import { randomBytes } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { CIPHER_ALGORITHMS, KEX_ALGORITHMS, MAC_ALGORITHMS } from '../../src/crypto/algorithms/algorithm-table.ts';
import { prepareKexMethods } from '../../src/crypto/kex/kex-constructors.ts';
import { isAead, noneSealer } from '../../src/crypto/cipher/cipher-constructors.ts';
import { decodeExtInfo } from '../../src/transport/messages.ts';
import { PacketWriter } from '../../src/transport/packet-writer.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { clientKexInit, rawClient, VERSION } from './raw-client.ts';
import type { Side } from './transport-pair.ts';
import { clientSide, connected, hostKey, pair, serverSide, until } from './transport-pair.ts';

const kexNames = KEX_ALGORITHMS.map((row) => row.name);
const cipherNames = CIPHER_ALGORITHMS.map((row) => row.name);
const macNames = MAC_ALGORITHMS.map((row) => row.name);

beforeAll(() => prepareKexMethods(kexNames));

/** A message of the services above: 100 is CHANNEL_FAILURE, which the transport does not look into. */
const message = (bytes: Buffer): [Buffer, Buffer[]] => [Buffer.from([100]), [bytes]];

async function exchangeData({ client, server }: { client: Side; server: Side }): Promise<void> {
  const up = [1, 15, 16, 17, 255, 32_768].map((size) => randomBytes(size));
  const before = server.messages.length;
  const clientBefore = client.messages.length;
  for (const bytes of up) client.transport.send(...message(bytes));
  for (const bytes of up) server.transport.send(...message(bytes));
  await until(() => server.messages.length - before >= up.length, 'the server has all messages');
  await until(() => client.messages.filter((m) => m[0] === 100).length >= up.length, 'the client has all messages');
  expect(server.messages.slice(before).map((m) => m.subarray(1))).toEqual(up);
  const received = client.messages.slice(clientBefore).filter((m) => m[0] === 100);
  expect(received.map((m) => m.subarray(1))).toEqual(up);
}

describe('every key exchange method, both roles', () => {
  test.each(kexNames)('%s', async (name) => {
    const both = await connected({ server: { kex: [name] }, client: { kex: [name] } });
    expect(both.server.exchanges[0]?.negotiated.kex).toBe(name);
    expect(both.server.transport.sessionId).toEqual(both.client.transport.sessionId);
    await exchangeData(both);
  });
});

describe('every cipher with every MAC', () => {
  const combinations = cipherNames.flatMap((cipher): [string, string][] =>
    isAead(cipher) ? [[cipher, 'none']] : macNames.map((mac) => [cipher, mac]),
  );
  test.each(combinations)('%s with %s', async (cipher, mac) => {
    const algorithms = { ciphers: [cipher], ...(mac === 'none' ? {} : { macs: [mac] }) };
    await exchangeData(await connected({ server: algorithms, client: algorithms }));
  });
});

describe('every host key type', () => {
  test.each([
    ['ed25519', 'ssh-ed25519'],
    ['ecdsa-256', 'ecdsa-sha2-nistp256'],
    ['ecdsa-384', 'ecdsa-sha2-nistp384'],
    ['ecdsa-521', 'ecdsa-sha2-nistp521'],
    ['rsa', 'rsa-sha2-256'],
    ['rsa', 'rsa-sha2-512'],
    ['rsa', 'ssh-rsa'],
  ] as const)('%s signs %s', async (type, algorithm) => {
    const lists = { hostKeys: [algorithm] };
    const both = await connected({ server: lists, client: lists, hostKeys: [hostKey(type)] });
    expect(both.client.exchanges[0]?.hostKey.blob).toEqual(hostKey(type).publicKey.blob);
  });
});

describe('rekey', () => {
  test.each(['server', 'client'] as const)(
    'begun by the %s while both sides send: nothing lost, order kept',
    async (who) => {
      const both = await connected({
        [who === 'server' ? 'serverRekey' : 'clientRekey']: { bytes: 100_000, seconds: 86_400 },
      });
      const count = 400;
      for (let i = 0; i < count; i += 1) {
        const body = Buffer.alloc(5000, i & 0xff);
        body.writeUInt32BE(i);
        both.client.transport.send(...message(body));
        both.server.transport.send(...message(Buffer.from(body)));
        if (i % 20 === 0) await new Promise(setImmediate);
      }
      const data = (side: Side): Buffer[] => side.messages.filter((m) => m[0] === 100);
      await until(() => data(both.server).length === count && data(both.client).length === count, 'all has arrived');
      for (const side of [both.server, both.client]) {
        expect(data(side).map((m) => m.readUInt32BE(1))).toEqual(Array.from({ length: count }, (_, i) => i));
      }
      await until(() => both.server.exchanges.length > 5, 'several exchanges');
      expect(both.server.transport.sessionId).toEqual(both.client.transport.sessionId);
      expect(both.server.closed).toEqual([]);
    },
  );

  test('by time', async () => {
    const both = await connected({ serverRekey: { bytes: Number.MAX_SAFE_INTEGER, seconds: 0.02 } });
    await until(() => both.client.exchanges.length >= 3, 'two rekeys by time');
    await exchangeData(both);
  });

  test('strict key exchange is told again, as phpseclib expects and OpenSSH does; ext-info-c is not (RFC 8308)', async () => {
    const both = await connected();
    both.server.transport.rekey();
    await until(() => both.client.exchanges.length > 1 && both.server.exchanges.length > 1, 'new keys');
    for (const { server } of both.client.exchanges) expect(server.kex.at(-1)).toBe('kex-strict-s-v00@openssh.com');
    const signals = both.server.exchanges.map(({ client }) => client.kex.slice(1));
    expect(signals).toEqual([['ext-info-c', 'kex-strict-c-v00@openssh.com'], ['kex-strict-c-v00@openssh.com']]);
  });

  test('without strict key exchange (wolfSSH) the sequence numbers run on', async () => {
    const [a, b] = duplexPair();
    const server = serverSide(a, { serverRekey: { bytes: 50_000, seconds: 86_400 } });
    const client = clientSide(b, {});
    await until(() => client.exchanges.length > 0 && server.exchanges.length > 0, 'the key exchange is over');
    expect(server.exchanges[0]?.strict).toBe(true);
    await exchangeData({ client, server });
  });
});

test('the server tells a client that asks which user key algorithms it takes', async () => {
  const { client } = await connected({ userKeyAlgorithms: ['ssh-ed25519', 'rsa-sha2-256'] });
  await until(() => client.messages.length > 0, 'EXT_INFO has come');
  const extensions = decodeExtInfo(client.messages[0] ?? Buffer.alloc(0));
  expect(extensions.get('server-sig-algs')?.toString()).toBe(
    'ssh-ed25519,rsa-sha2-256,ssh-ed25519-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com',
  );
});

test('ping@openssh.com is answered with the same data', async () => {
  const { client } = await connected();
  client.transport.send(new SshWriter().byte(192).string('echo').finish());
  await until(() => client.messages.some((m) => m[0] === 193), 'the answer has come');
  expect(client.messages.find((m) => m[0] === 193)).toEqual(new SshWriter().byte(193).string('echo').finish());
});

describe('negotiation', () => {
  test('a client without a common method gets reason 3 and the name of the list', async () => {
    const { client, server } = pair({ client: { kex: ['diffie-hellman-group14-sha256'] } });
    await until(() => client.closed.length > 0 && server.closed.length > 0, 'both have ended');
    expect(server.closed[0]).toMatchObject({ reason: 3, detail: { list: 'kex' } });
    expect(client.closed[0]?.reason).toBe(3);
  });
});

describe('what a hostile client may try before encryption', () => {
  test('not SSH at all', async () => {
    const { raw, server } = rawClient();
    raw('GET / HTTP/1.1\r\n\r\n');
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]).toMatchObject({ reason: 2 });
  });

  test('SSH 1', async () => {
    const { raw, server } = rawClient();
    raw('SSH-1.5-old\r\n');
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]).toMatchObject({ reason: 8 });
  });

  test('a client that says 1.99 is let in (RFC 4253 §5.1 knows it of servers)', async () => {
    const { raw, send, server, received } = rawClient();
    raw('SSH-1.99-old but able\r\n');
    send(clientKexInit());
    send(new SshWriter().byte(30).string(randomBytes(32)).finish());
    await until(() => received.some((payload) => payload[0] === 31), 'the reply has come');
    expect(server.transport.peerVersion).toBe('SSH-1.99-old but able');
    expect(server.closed).toEqual([]);
  });

  test('a version line without end', async () => {
    const { raw, server } = rawClient();
    raw(`SSH-2.0-${'x'.repeat(300)}`);
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]).toMatchObject({ reason: 2 });
  });

  test('version line and first packets in single bytes', async () => {
    const { raw, server } = rawClient();
    const packet = new PacketWriter(noneSealer()).seal(clientKexInit({ kex: ['nothing'] }), []);
    for (const byte of Buffer.concat([Buffer.from(VERSION), ...packet])) raw(Buffer.from([byte]));
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]).toMatchObject({ reason: 3, message: 'no matching key exchange method found' });
  });

  test.each([
    ['0', '00000000'],
    ['5', '00000005'],
    ['not a multiple of the block', '0000000d'],
    ['4 GiB', 'ffffffff'],
    ['64 KiB and more', '00010004'],
  ])('packet length %s', async (_, length) => {
    const { raw, server } = rawClient();
    raw(VERSION);
    raw(Buffer.from(`${length}00000000000000000000`, 'hex'));
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]).toMatchObject({ reason: 2, message: 'bad packet length' });
  });

  test('padding longer than the packet', async () => {
    const { raw, server } = rawClient();
    raw(VERSION);
    raw(Buffer.from('0000000cff140000000000000000000000', 'hex'));
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]).toMatchObject({ reason: 2, message: 'bad padding length' });
  });

  test('strict key exchange: IGNORE before KEXINIT', async () => {
    const { raw, send, server } = rawClient();
    raw(VERSION);
    send(new SshWriter().byte(2).string('').finish());
    send(clientKexInit({ kex: ['curve25519-sha256', 'kex-strict-c-v00@openssh.com'] }));
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]?.message).toContain('strict key exchange');
  });

  test('strict key exchange: IGNORE during the exchange', async () => {
    const { raw, send, server } = rawClient();
    raw(VERSION);
    send(clientKexInit({ kex: ['curve25519-sha256', 'kex-strict-c-v00@openssh.com'] }));
    send(new SshWriter().byte(2).string('').finish());
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]?.message).toContain('unexpected message 2');
  });

  test('without it IGNORE is ignored', async () => {
    const { raw, send, server, received } = rawClient();
    raw(VERSION);
    send(new SshWriter().byte(2).string('').finish());
    send(clientKexInit());
    send(new SshWriter().byte(2).string('').finish());
    send(new SshWriter().byte(30).string(randomBytes(32)).finish());
    await until(() => received.some((payload) => payload[0] === 31), 'the reply has come');
    expect(server.closed).toEqual([]);
  });

  test('a wrong guess is dropped, the next one answered (dropbear)', async () => {
    const { raw, send, server, received } = rawClient();
    raw(VERSION);
    send(clientKexInit({ kex: ['sntrup761x25519-sha512', 'curve25519-sha256'], firstKexPacketFollows: true }));
    send(new SshWriter().byte(30).string(randomBytes(1190)).finish());
    send(new SshWriter().byte(30).string(randomBytes(32)).finish());
    await until(() => received.some((payload) => payload[0] === 31), 'the reply has come');
    expect(server.closed).toEqual([]);
  });

  test.each([
    ['authentication before keys', 50],
    ['a channel before keys', 90],
    ['a service before keys', 5],
    ['NEWKEYS before an exchange', 21],
    ['a reply to nothing', 31],
  ])('%s', async (_, number) => {
    const { raw, send, server } = rawClient();
    raw(VERSION);
    send(clientKexInit());
    send(new SshWriter().byte(number).string('x').finish());
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]?.reason).toBe(2);
  });

  test('KEXINIT twice', async () => {
    const { raw, send, server } = rawClient();
    raw(VERSION);
    send(clientKexInit());
    send(clientKexInit());
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]?.message).toContain('unexpected message 20');
  });

  test.each([
    ['all zero', Buffer.alloc(32)],
    ['too short', Buffer.alloc(31, 9)],
    ['too long', Buffer.alloc(33, 9)],
    ['empty', Buffer.alloc(0)],
  ])('an X25519 value that is %s ends with reason 3', async (_, value) => {
    const { raw, send, server } = rawClient();
    raw(VERSION);
    send(clientKexInit());
    send(new SshWriter().byte(30).string(value).finish());
    await until(() => server.closed.length > 0, 'the server has ended it');
    expect(server.closed[0]?.reason).toBe(3);
  });
});

describe('a changed byte on the wire', () => {
  test.each(['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr'])('%s', async (cipher) => {
    const lists = { ciphers: [cipher], macs: ['hmac-sha2-256-etm@openssh.com'] };
    const [a, b] = duplexPair();
    const [c, d] = duplexPair();
    let tamper = false;
    b.on('data', (chunk: Buffer) => c.write(chunk));
    c.on('data', (chunk: Buffer) => {
      const copy = Buffer.from(chunk);
      if (tamper && copy.length >= 16) copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
      b.write(copy);
    });
    const server = serverSide(a, { server: lists });
    const client = clientSide(d, { client: lists });
    await until(() => client.exchanges.length > 0 && server.exchanges.length > 0, 'the key exchange is over');
    tamper = true;
    client.transport.send(...message(randomBytes(100)));
    await until(() => server.closed.length > 0, 'the server has noticed');
    expect(server.closed[0]?.reason).toBe(5);
    expect(server.messages).toEqual([]);
  });
});
