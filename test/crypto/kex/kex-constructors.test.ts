import { getDiffieHellman } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { nodeX25519, p256, p384, p521 } from '../../../src/crypto/kex/ecdh.ts';
import { ecdhKex } from '../../../src/crypto/kex/ecdh-kex.ts';
import { KexError } from '../../../src/crypto/kex/kex-method.ts';
import type { KexMethod } from '../../../src/crypto/kex/kex-method.ts';
import {
  chooseGexGroup,
  createGexMethod,
  createKexMethod,
  GEX_METHOD_NAME,
  KEX_METHOD_NAMES,
} from '../../../src/crypto/kex/kex-constructors.ts';

/** The value of an mpint, after a check that it is encoded as RFC 4251 §5 wants it. */
function mpintValue(encoded: Buffer): bigint {
  expect(encoded.readUInt32BE(0)).toBe(encoded.length - 4);
  const bytes = encoded.subarray(4);
  if (bytes.length === 0) return 0n;
  expect(bytes[0]!).toBeLessThan(0x80);
  if (bytes[0] === 0) expect(bytes[1]!).toBeGreaterThanOrEqual(0x80);
  return BigInt(`0x${bytes.toString('hex')}`);
}

async function bothRoles(method: KexMethod): Promise<Buffer> {
  const client = method.startClient();
  const { reply, sharedSecret } = await method.respond(client.init);
  const finished = await client.finish(reply);
  expect(finished.equals(sharedSecret)).toBe(true);
  client.dispose();
  return sharedSecret;
}

test('names are unique and unknown ones are refused', () => {
  expect(new Set(KEX_METHOD_NAMES).size).toBe(KEX_METHOD_NAMES.length);
  expect(KEX_METHOD_NAMES).toHaveLength(18);
  for (const name of KEX_METHOD_NAMES) expect(createKexMethod(name).name).toBe(name);
  for (const name of ['', 'toString', '__proto__', 'mlkem512-sha256', GEX_METHOD_NAME]) {
    expect(() => createKexMethod(name)).toThrow(RangeError);
  }
});

describe('ECDH, RFC 5656 and RFC 8731', () => {
  test.each([
    ['curve25519-sha256', 'sha256', 32],
    ['curve25519-sha256@libssh.org', 'sha256', 32],
    ['ecdh-sha2-nistp256', 'sha256', 65],
    ['ecdh-sha2-nistp384', 'sha384', 97],
    ['ecdh-sha2-nistp521', 'sha512', 133],
  ])('%s: both roles agree, in the sizes of the wire format', async (name, hash, bytes) => {
    const method = createKexMethod(name);
    expect([method.hash, method.publicEncoding]).toEqual([hash, 'string']);
    expect([method.initBytes, method.replyBytes]).toEqual([bytes, bytes]);
    mpintValue(await bothRoles(method));
    for (const length of [0, bytes - 1, bytes + 1]) {
      await expect(method.respond(Buffer.alloc(length, 4))).rejects.toThrow(KexError);
      await expect(method.startClient().finish(Buffer.alloc(length, 4))).rejects.toThrow(KexError);
    }
  });

  test.each([nodeX25519, p256, p384, p521])(
    'over $name K is an mpint: zeros dropped, a sign byte where due',
    async (ecdh) => {
      let secretSeen = Buffer.alloc(0);
      const method = ecdhKex(
        'observed',
        {
          ...ecdh,
          async respond(peer) {
            const response = await ecdh.respond(peer);
            secretSeen = Buffer.from(response.secret);
            return response;
          },
        },
        'sha256',
      );
      const { init } = method.startClient();
      const wanted = new Set(ecdh === p521 ? ['zero', 'top bit clear'] : ['zero', 'top bit set', 'top bit clear']);
      for (let round = 0; wanted.size > 0 && round < 5000; round += 1) {
        const { sharedSecret } = await method.respond(init);
        expect(mpintValue(sharedSecret)).toBe(BigInt(`0x${secretSeen.toString('hex')}`));
        const first = secretSeen[0]!;
        wanted.delete(first === 0 ? 'zero' : first >= 0x80 ? 'top bit set' : 'top bit clear');
      }
      expect([...wanted]).toEqual([]);
    },
  );
});

describe('finite-field Diffie-Hellman, RFC 4253 §8 and RFC 8268', () => {
  const groups = [
    ['diffie-hellman-group14-sha1', 'sha1', 'modp14'],
    ['diffie-hellman-group14-sha256', 'sha256', 'modp14'],
    ['diffie-hellman-group16-sha512', 'sha512', 'modp16'],
    ['diffie-hellman-group18-sha512', 'sha512', 'modp18'],
  ] as const;

  test.each(groups)("%s: both roles agree, and with node:crypto's own class", async (name, hash, group) => {
    const method = createKexMethod(name);
    expect([method.hash, method.publicEncoding, method.initBytes, method.replyBytes]).toEqual([
      hash,
      'mpint',
      null,
      null,
    ]);
    mpintValue(await bothRoles(method));
    const peer = getDiffieHellman(group);
    peer.generateKeys();
    const { reply, sharedSecret } = await method.respond(peer.getPublicKey());
    expect(reply[0]).not.toBe(0);
    expect(mpintValue(sharedSecret)).toBe(BigInt(`0x${peer.computeSecret(reply).toString('hex')}`));
  });

  test.each(groups)('%s refuses public values outside 1 < e < p - 1', async (name, _hash, group) => {
    const method = createKexMethod(name);
    const p = getDiffieHellman(group).getPrime();
    const pMinusOne = Buffer.from(p);
    pMinusOne.writeUInt8(pMinusOne.readUInt8(p.length - 1) - 1, p.length - 1);
    const client = method.startClient();
    const bad = [
      Buffer.alloc(0),
      Buffer.of(0),
      Buffer.of(1),
      Buffer.concat([Buffer.alloc(p.length - 1), Buffer.of(1)]),
      pMinusOne,
      p,
      Buffer.alloc(p.length, 0xff),
      Buffer.concat([Buffer.of(1), p]),
    ];
    for (const value of bad) {
      await expect(method.respond(value)).rejects.toThrow(KexError);
      await expect(client.finish(value)).rejects.toThrow(KexError);
    }
    await expect(method.respond(Buffer.of(2))).resolves.toBeDefined();
  });

  test('K drops leading zeros like any mpint', async () => {
    const method = createKexMethod('diffie-hellman-group14-sha256');
    const client = method.startClient();
    let shortest = 257;
    for (let round = 0; shortest > 255 && round < 5000; round += 1) {
      const { reply, sharedSecret } = await method.respond(client.init);
      mpintValue(sharedSecret);
      shortest = Math.min(shortest, sharedSecret.length - 4);
      if (shortest <= 255) expect((await client.finish(reply)).equals(sharedSecret)).toBe(true);
    }
    expect(shortest).toBeLessThanOrEqual(255);
  });
});

describe('group exchange, RFC 4419', () => {
  const bits = (min: number, preferred: number, max: number): number | null => {
    const group = chooseGexGroup(min, preferred, max);
    return group === null ? null : group.p.length * 8;
  };

  test.each([
    [2048, 2048, 8192, 2048],
    [2048, 2049, 8192, 3072],
    [1024, 1024, 8192, 2048],
    [2048, 3072, 8192, 3072],
    [2048, 4096, 8192, 4096],
    [2048, 7680, 8192, 8192],
    [2048, 8192, 8192, 8192],
    [2048, 8192, 4096, 4096],
    [2048, 16384, 16384, 8192],
    [3000, 3000, 3000, null],
    [1024, 1024, 1024, null],
    [8193, 8193, 16384, null],
  ])('min %d, preferred %d, max %d: %s', (min, preferred, max, expected) => {
    expect(bits(min, preferred, max)).toBe(expected);
  });

  test.each([
    [1024, 1024, 8192, 3072],
    [2048, 2048, 8192, 3072],
    [2048, 4096, 8192, 4096],
    [2048, 2048, 2048, null],
  ])('min %d, preferred %d, max %d, where we give out no less than 3072: %s', (min, preferred, max, expected) => {
    expect((chooseGexGroup(min, preferred, max, 3072)?.p.length ?? 0) * 8 || null).toBe(expected);
  });

  test('both roles agree over a chosen group', async () => {
    const group = chooseGexGroup(2048, 3072, 8192)!;
    const method = createGexMethod(group);
    expect([method.name, method.hash, method.publicEncoding]).toEqual([GEX_METHOD_NAME, 'sha256', 'mpint']);
    mpintValue(await bothRoles(method));
  });

  test('a client takes a group that is not one of RFC 3526', async () => {
    // The 2048-bit group of RFC 7919 §A.1 (ffdhe2048).
    const p = Buffer.from(
      'ffffffffffffffffadf85458a2bb4a9aafdc5620273d3cf1d8b9c583ce2d3695a9e13641146433fbcc939dce249b3ef97d2fe363630c75d8' +
        'f681b202aec4617ad3df1ed5d5fd65612433f51f5f066ed0856365553ded1af3b557135e7f57c935984f0c70e0e68b77e2a689daf3efe872' +
        '1df158a136ade73530acca4f483a797abc0ab182b324fb61d108a94bb2c8e3fbb96adab760d7f4681d4f42a3de394df4ae56ede76372bb19' +
        '0b07a7c8ee0a6d709e02fce1cdf7e2ecc03404cd28342f619172fe9ce98583ff8e4f1232eef28183c3fe3b1b4c6fad733bb5fcbc2ec22005' +
        'c58ef1837d1683b2c6f34a26c1b2effa886b423861285c97ffffffffffffffff',
      'hex',
    );
    mpintValue(await bothRoles(createGexMethod({ p, g: Buffer.of(2) })));
    mpintValue(await bothRoles(createGexMethod({ p, g: Buffer.of(0, 0, 0, 0, 2) })));
  });

  test('a client refuses groups that are no use', () => {
    const { p, g } = chooseGexGroup(2048, 2048, 8192)!;
    const even = Buffer.from(p);
    even.writeUInt8(even.readUInt8(p.length - 1) & 0xfe, p.length - 1);
    for (const group of [
      { p: p.subarray(1), g },
      { p: Buffer.alloc(1025, 0xff), g },
      { p: Buffer.alloc(0), g },
      { p: even, g },
      { p, g: Buffer.of(1) },
      { p, g: Buffer.alloc(0) },
      { p, g: p },
    ]) {
      expect(() => createGexMethod(group)).toThrow(KexError);
    }
  });
});
