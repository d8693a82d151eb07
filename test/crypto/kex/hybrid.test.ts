import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { nodeX25519, nobleX25519, p256, p384, p521 } from '../../../src/crypto/kex/ecdh.ts';
import type { Ecdh } from '../../../src/crypto/kex/ecdh.ts';
import { hybrid } from '../../../src/crypto/kex/hybrid.ts';
import type { Kem } from '../../../src/crypto/kex/kem.ts';
import { KexError } from '../../../src/crypto/kex/kex-method.ts';
import type { KexHash } from '../../../src/crypto/kex/kex-method.ts';
import { createKexMethod, KEX_METHOD_NAMES, prepareKexMethods } from '../../../src/crypto/kex/kex-constructors.ts';
import { kyber } from '../../../src/crypto/kex/kyber.ts';
import { mlKem, nobleMlKem } from '../../../src/crypto/kex/ml-kem.ts';
import { sntrup761 } from '../../../src/crypto/kex/sntrup761.ts';

interface Row {
  readonly name: string;
  readonly kem: Kem;
  readonly ecdh: Ecdh;
  readonly hash: KexHash;
  readonly sizes: readonly [init: number, reply: number, classicalSecret: number, sharedSecret: number];
}

/** The sizes are written out, not computed: they are the wire format. */
const ROWS: readonly Row[] = [
  {
    name: 'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org',
    kem: kyber(512),
    ecdh: p256,
    hash: 'sha256',
    sizes: [865, 833, 32, 32],
  },
  {
    name: 'ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org',
    kem: kyber(768),
    ecdh: p384,
    hash: 'sha384',
    sizes: [1281, 1185, 48, 48],
  },
  {
    name: 'ecdh-nistp521-kyber-1024r3-sha512-d00@openquantumsafe.org',
    kem: kyber(1024),
    ecdh: p521,
    hash: 'sha512',
    sizes: [1701, 1701, 66, 64],
  },
  {
    name: 'x25519-kyber-512r3-sha256-d00@amazon.com',
    kem: kyber(512),
    ecdh: nodeX25519,
    hash: 'sha256',
    sizes: [832, 800, 32, 32],
  },
  { name: 'mlkem768x25519-sha256', kem: mlKem(768), ecdh: nodeX25519, hash: 'sha256', sizes: [1216, 1120, 32, 32] },
  { name: 'mlkem768nistp256-sha256', kem: mlKem(768), ecdh: p256, hash: 'sha256', sizes: [1249, 1153, 32, 32] },
  { name: 'mlkem1024nistp384-sha384', kem: mlKem(1024), ecdh: p384, hash: 'sha384', sizes: [1665, 1665, 48, 48] },
  { name: 'sntrup761x25519-sha512', kem: sntrup761, ecdh: nodeX25519, hash: 'sha512', sizes: [1190, 1071, 32, 64] },
  {
    name: 'sntrup761x25519-sha512@openssh.com',
    kem: sntrup761,
    ecdh: nodeX25519,
    hash: 'sha512',
    sizes: [1190, 1071, 32, 64],
  },
];

/** Wraps a KEM and an ECDH so that the secrets which go into K can be seen. */
function observed({ name, kem, ecdh, hash }: Row): {
  method: ReturnType<typeof hybrid>;
  seen: { kemSecret: Buffer; classicalSecret: Buffer };
  originals: { kemSecret: Buffer; classicalSecret: Buffer };
} {
  const seen: { kemSecret: Buffer; classicalSecret: Buffer } = {
    kemSecret: Buffer.alloc(0),
    classicalSecret: Buffer.alloc(0),
  };
  const originals = { ...seen };
  const observedKem: Kem = {
    name: kem.name,
    publicKeyBytes: kem.publicKeyBytes,
    ciphertextBytes: kem.ciphertextBytes,
    loaded: true,
    load: () => kem.load(),
    generateKeyPair: () => kem.generateKeyPair(),
    encapsulate(publicKey) {
      const result = kem.encapsulate(publicKey);
      originals.kemSecret = result.sharedSecret;
      seen.kemSecret = Buffer.from(result.sharedSecret);
      return result;
    },
  };
  const observedEcdh: Ecdh = {
    name: ecdh.name,
    provider: ecdh.provider,
    publicKeyBytes: ecdh.publicKeyBytes,
    secretBytes: ecdh.secretBytes,
    generateKeyPair: () => ecdh.generateKeyPair(),
    async respond(peer) {
      const response = await ecdh.respond(peer);
      originals.classicalSecret = response.secret;
      seen.classicalSecret = Buffer.from(response.secret);
      return response;
    },
  };
  return { method: hybrid(name, observedKem, observedEcdh, hash), seen, originals };
}

function stringEncoded(secret: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(secret.length);
  return Buffer.concat([length, secret]);
}

beforeAll(() => prepareKexMethods(KEX_METHOD_NAMES));

test('every hybrid that is offered stands in the table above', () => {
  const hybrids = KEX_METHOD_NAMES.filter((name) => /kyber|mlkem|sntrup/.test(name));
  expect([...hybrids].sort()).toEqual(ROWS.map((row) => row.name).sort());
});

describe.each(ROWS)('$name', (row) => {
  const { name, hash, sizes } = row;
  const [initBytes, replyBytes, classicalSecretBytes, secretBytes] = sizes;

  test('has the sizes of the wire format, and both roles agree', async () => {
    const method = createKexMethod(name);
    expect([method.name, method.hash, method.publicEncoding]).toEqual([name, hash, 'string']);
    expect([method.initBytes, method.replyBytes]).toEqual([initBytes, replyBytes]);
    const client = method.startClient();
    const { reply, sharedSecret } = await method.respond(client.init);
    expect([client.init.length, reply.length]).toEqual([initBytes, replyBytes]);
    expect(sharedSecret).toHaveLength(4 + secretBytes);
    expect(sharedSecret.readUInt32BE(0)).toBe(secretBytes);
    expect((await client.finish(reply)).equals(sharedSecret)).toBe(true);
    client.dispose();
  });

  test('K is HASH(K_PQ || K_CL) as a string, leading zeros of K_CL and a set top bit of K included', async () => {
    const { method, seen, originals } = observed(row);
    const wanted = new Set(['leading zero', 'top bit set', 'top bit clear']);
    for (let round = 0; wanted.size > 0 && round < 5000; round += 1) {
      const client = createKexMethod(name).startClient();
      // One public value of the client does for many of the server's: key generation of sntrup761 is slow.
      for (let reuse = 0; wanted.size > 0 && reuse < 500; reuse += 1) {
        const { reply, sharedSecret } = await method.respond(client.init);
        const leadingZero = seen.classicalSecret[0] === 0;
        const topBit = (sharedSecret[4] ?? 0) >= 0x80;
        const fresh = [
          ...(leadingZero && wanted.delete('leading zero') ? ['leading zero'] : []),
          ...(wanted.delete(topBit ? 'top bit set' : 'top bit clear') ? ['top bit'] : []),
        ];
        if (fresh.length === 0) continue;
        expect([seen.kemSecret.length, seen.classicalSecret.length]).toEqual([32, classicalSecretBytes]);
        const expected = createHash(hash)
          .update(Buffer.concat([seen.kemSecret, seen.classicalSecret]))
          .digest();
        expect(sharedSecret.toString('hex')).toBe(stringEncoded(expected).toString('hex'));
        expect((await client.finish(reply)).equals(sharedSecret)).toBe(true);
        // The inputs were overwritten.
        expect(originals.kemSecret.every((byte) => byte === 0)).toBe(true);
        expect(originals.classicalSecret.every((byte) => byte === 0)).toBe(true);
      }
      client.dispose();
    }
    expect([...wanted]).toEqual([]);
  });

  test('refuses other lengths in both roles', async () => {
    const method = createKexMethod(name);
    const client = method.startClient();
    const { reply } = await method.respond(client.init);
    for (const bad of [Buffer.alloc(0), client.init.subarray(1), Buffer.concat([client.init, Buffer.of(0)])]) {
      await expect(method.respond(bad)).rejects.toThrow(KexError);
    }
    for (const bad of [Buffer.alloc(0), reply.subarray(1), Buffer.concat([reply, Buffer.of(0)])]) {
      await expect(client.finish(bad)).rejects.toThrow(KexError);
    }
  });

  test('refuses an unusable classical value in both roles', async () => {
    const method = createKexMethod(name);
    const client = method.startClient();
    const { reply } = await method.respond(client.init);
    const spoil = (blob: Buffer): Buffer => {
      const spoilt = Buffer.from(blob);
      const start = blob.length - row.ecdh.publicKeyBytes;
      // X25519: the point of order 1. NIST: the last bit of y turned over takes the point off the curve.
      if (row.ecdh === nodeX25519) spoilt.fill(0, start);
      else spoilt.writeUInt8(spoilt.readUInt8(spoilt.length - 1) ^ 1, spoilt.length - 1);
      return spoilt;
    };
    await expect(method.respond(spoil(client.init))).rejects.toThrow(KexError);
    await expect(client.finish(spoil(reply))).rejects.toThrow(KexError);
  });

  // The public key of sntrup761 has no such check: every string of its length is one.
  if (row.kem !== sntrup761) {
    test('refuses an encapsulation key with a coefficient that is not below q', async () => {
      const method = createKexMethod(name);
      const init = Buffer.from(method.startClient().init);
      init.fill(0xff, 0, 3);
      await expect(method.respond(init)).rejects.toThrow(KexError);
    });
  }

  test('a wrong ciphertext gives another secret, not an error', async () => {
    const method = createKexMethod(name);
    const client = method.startClient();
    const { reply, sharedSecret } = await method.respond(client.init);
    const spoilt = Buffer.from(reply);
    spoilt.writeUInt8(spoilt.readUInt8(7) ^ 1, 7);
    const other = await client.finish(spoilt);
    expect(other).toHaveLength(sharedSecret.length);
    expect(other.equals(sharedSecret)).toBe(false);
  });
});

test('the providers for FIPS mode and older Nodes speak the same method', async () => {
  const native = createKexMethod('mlkem768x25519-sha256');
  const noble = hybrid('mlkem768x25519-sha256', nobleMlKem(768), nobleX25519, 'sha256');
  for (const [clientSide, serverSide] of [
    [native, noble],
    [noble, native],
  ] as const) {
    const client = clientSide.startClient();
    const { reply, sharedSecret } = await serverSide.respond(client.init);
    expect((await client.finish(reply)).equals(sharedSecret)).toBe(true);
    client.dispose();
  }
});
