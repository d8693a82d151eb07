import { createECDH } from 'node:crypto';
import { describe, expect, jest, test } from '@jest/globals';
import { p256 as nobleP256, p384 as nobleP384, p521 as nobleP521 } from '@noble/curves/nist.js';
import { nobleX25519, nodeX25519, p256, p384, p521 } from '../../../src/crypto/kex/ecdh.ts';
import { WideCurve } from '../../../src/crypto/kex/wide-curve.ts';
import { KexError } from '../../../src/crypto/kex/kex-method.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** Points of small order, and encodings of them: RFC 7748 §6.1, https://cr.yp.to/ecdh.html#validate. */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

test('X25519: RFC 7748 §6.1', () => {
  const alice = nodeX25519.keyPairFromPrivateKey(
    hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'),
  );
  const bob = nodeX25519.keyPairFromPrivateKey(hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'));
  expect(alice.publicKey.toString('hex')).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
  expect(bob.publicKey.toString('hex')).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
  const secret = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
  expect(alice.agree(bob.publicKey).toString('hex')).toBe(secret);
  expect(bob.agree(alice.publicKey).toString('hex')).toBe(secret);
});

describe.each([
  ['node', nodeX25519],
  ['noble', nobleX25519],
])('X25519 of %s', (_name, x25519) => {
  test('agrees with the other provider', () => {
    for (const other of [nodeX25519, nobleX25519]) {
      const ours = x25519.generateKeyPair();
      const theirs = other.generateKeyPair();
      const secret = ours.agree(theirs.publicKey);
      expect(secret).toHaveLength(32);
      expect(secret.equals(theirs.agree(ours.publicKey))).toBe(true);
      ours.dispose();
    }
  });

  test.each(SMALL_ORDER)('refuses the small-order point %s', (point) => {
    expect(() => x25519.generateKeyPair().agree(hex(point))).toThrow(KexError);
  });

  test.each([0, 31, 33])('refuses %d bytes', (length) => {
    expect(() => x25519.generateKeyPair().agree(Buffer.alloc(length, 9))).toThrow(KexError);
  });
});

describe.each([
  { ecdh: p256, noble: nobleP256, openssl: 'prime256v1', field: 32 },
  { ecdh: p384, noble: nobleP384, openssl: 'secp384r1', field: 48 },
  { ecdh: p521, noble: nobleP521, openssl: 'secp521r1', field: 66 },
])('ECDH over $ecdh.name', ({ ecdh, noble, openssl, field }) => {
  test('gives the x coordinate, as noble computes it', () => {
    const { secretKey, publicKey } = noble.keygen();
    const ours = ecdh.generateKeyPair();
    const uncompressed = Buffer.from(noble.Point.fromBytes(publicKey).toBytes(false));
    expect(ours.publicKey).toHaveLength(2 * field + 1);
    const expected = Buffer.from(noble.getSharedSecret(secretKey, ours.publicKey, false)).subarray(1, 1 + field);
    expect(ours.agree(uncompressed).toString('hex')).toBe(expected.toString('hex'));
  });

  test('keeps leading zeros', () => {
    const pair = ecdh.generateKeyPair();
    let leadingZero = false;
    // A peer whose private key is 1, 2, 3, … has a known and cheap public key.
    for (let scalar = 1n; scalar < 5000n && !leadingZero; scalar += 1n) {
      const peer = createECDH(openssl);
      peer.setPrivateKey(Buffer.from(scalar.toString(16).padStart(2 * field, '0'), 'hex'));
      const secret = pair.agree(peer.getPublicKey());
      expect(secret).toHaveLength(field);
      leadingZero = secret[0] === 0;
    }
    expect(leadingZero).toBe(true);
  });

  test('refuses points off the curve, at infinity, compressed or hybrid, and other lengths', async () => {
    const pair = ecdh.generateKeyPair();
    const good = ecdh.generateKeyPair().publicKey;
    const offCurve = Buffer.from(good);
    offCurve.writeUInt8(offCurve.readUInt8(2 * field) ^ 1, 2 * field);
    const zero = Buffer.alloc(good.length);
    zero.writeUInt8(4, 0);
    const tooLarge = Buffer.alloc(good.length, 0xff);
    tooLarge.writeUInt8(4, 0);
    const hybridForm = Buffer.from(good);
    hybridForm.writeUInt8(6 + (hybridForm.readUInt8(2 * field) & 1), 0);
    const compressed = Buffer.from(noble.Point.fromBytes(good).toBytes(true));
    for (const bad of [
      offCurve,
      zero,
      tooLarge,
      hybridForm,
      compressed,
      Buffer.of(0),
      good.subarray(1),
      Buffer.alloc(0),
    ]) {
      expect(() => pair.agree(bad)).toThrow(KexError);
      await expect(ecdh.respond(bad)).rejects.toThrow(KexError);
    }
  });
});

describe.each([nodeX25519, nobleX25519, p256, p384, p521])('the responder of $name ($provider)', (ecdh) => {
  test('has the secret that the initiator has, with a new key pair each time', async () => {
    const initiator = ecdh.generateKeyPair();
    const seen = new Set<string>();
    for (let round = 0; round < 30; round += 1) {
      const { publicKey, secret } = await ecdh.respond(initiator.publicKey);
      expect(secret).toHaveLength(ecdh.secretBytes);
      expect(secret.equals(initiator.agree(publicKey))).toBe(true);
      seen.add(publicKey.toString('hex'));
    }
    expect(seen.size).toBe(30);
  });

  test('serves many at once', async () => {
    const initiator = ecdh.generateKeyPair();
    const all = await Promise.all(Array.from({ length: 20 }, () => ecdh.respond(initiator.publicKey)));
    expect(new Set(all.map(({ publicKey }) => publicKey.toString('hex'))).size).toBe(20);
    for (const { publicKey, secret } of all) expect(secret.equals(initiator.agree(publicKey))).toBe(true);
  });
});

describe.each(['secp384r1', 'secp521r1'] as const)('key pairs of %s that are made ahead', (name) => {
  const peer = createECDH(name).generateKeys();

  test('are none before the curve is used, then a few, and go when nobody wants them', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'performance'] });
    try {
      const curve = new WideCurve(name);
      expect(curve.ready).toBe(0);
      await curve.respond(peer);
      for (let turn = 0; curve.ready < 8 && turn < 1e6; turn += 1) await new Promise(setImmediate);
      expect(curve.ready).toBe(8);
      jest.advanceTimersByTime(59_000);
      await curve.respond(peer);
      expect(curve.ready).toBeGreaterThanOrEqual(7);
      for (let turn = 0; curve.ready < 8 && turn < 1e6; turn += 1) await new Promise(setImmediate);
      jest.advanceTimersByTime(59_000);
      expect(curve.ready).toBe(8);
      jest.advanceTimersByTime(2_000);
      expect(curve.ready).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
