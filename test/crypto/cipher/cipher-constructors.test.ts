import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { ctr, gcm } from '@noble/ciphers/aes.js';
import { chacha20orig } from '@noble/ciphers/chacha.js';
import { poly1305 as noblePoly1305 } from '@noble/ciphers/_poly1305.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { PacketIntegrityError } from '../../../src/crypto/cipher/packet-cipher.ts';
import type { DirectionKeys, PacketOpener, PacketSealer } from '../../../src/crypto/cipher/packet-cipher.ts';
import {
  CIPHER_NAMES,
  cipherKeySizes,
  createOpener,
  createSealer,
  isAead,
  MAC_NAMES,
  noneOpener,
  noneSealer,
} from '../../../src/crypto/cipher/cipher-constructors.ts';
import { Umac } from '../../../src/crypto/cipher/umac.ts';

interface Combination {
  readonly cipher: string;
  readonly mac: string | null;
}

const COMBINATIONS = CIPHER_NAMES.flatMap((cipher): readonly Combination[] =>
  isAead(cipher) ? [{ cipher, mac: null }] : MAC_NAMES.map((mac) => ({ cipher, mac })),
);

function makeKeys(cipher: string, mac: string | null): DirectionKeys {
  const { keyBytes, ivBytes, macKeyBytes } = cipherKeySizes(cipher, mac);
  return { key: randomBytes(keyBytes), iv: randomBytes(ivBytes), macKey: randomBytes(macKeyBytes) };
}

function copyKeys({ key, iv, macKey }: DirectionKeys): DirectionKeys {
  return { key: Buffer.from(key), iv: Buffer.from(iv), macKey: Buffer.from(macKey) };
}

/** Frames a payload as the transport does (RFC 4253 §6). */
function frame(sealer: Pick<PacketSealer, 'blockBytes' | 'lengthOutsidePadding'>, payload: Buffer): Buffer {
  const counted = (sealer.lengthOutsidePadding ? 0 : 4) + 1 + payload.length;
  let padding = sealer.blockBytes - (counted % sealer.blockBytes);
  if (padding < 4) padding += sealer.blockBytes;
  const packet = Buffer.concat([Buffer.alloc(5), payload, randomBytes(padding)]);
  packet.writeUInt32BE(packet.length - 4, 0);
  packet.writeUInt8(padding, 4);
  return packet;
}

function cut(packet: Buffer, ...ends: number[]): Buffer[] {
  const borders = [0, ...ends, packet.length];
  // Parts of their own: a sealer may overwrite them.
  return borders.slice(1).map((end, index) => Buffer.from(packet.subarray(borders[index], end)));
}

function open(opener: PacketOpener, sequenceNumber: number, wire: Buffer): Buffer {
  const packet = Buffer.from(wire);
  const length = opener.readLength(sequenceNumber, packet.subarray(0, opener.headBytes));
  expect(length).toBe(wire.length - 4 - opener.tagBytes);
  return opener.open(sequenceNumber, packet);
}

const HASHES = { 'hmac-sha1': sha1, 'hmac-sha2-256': sha256, 'hmac-sha2-512': sha512 } as const;

/** The MAC of one packet from noble's HMAC, or from our UMAC (which has vectors of its own). */
function oracleMac(mac: string, key: Buffer, sequenceNumber: number, bytes: Buffer): Buffer {
  const sequence = Buffer.alloc(8);
  sequence.writeUInt32BE(sequenceNumber, 4);
  const base = mac.replace('-etm', '').replace('@openssh.com', '');
  if (base.startsWith('umac')) return new Umac(key, base === 'umac-64' ? 8 : 16).compute(sequence, [bytes]);
  const hash = HASHES[base as keyof typeof HASHES];
  return Buffer.from(hmac(hash, key, Buffer.concat([sequence.subarray(4), bytes])));
}

/** What must come out on the wire for a run of packets from sequence number `first` on, by noble's ciphers. */
function oracle(cipher: string, mac: string | null, keys: DirectionKeys, first: number, packets: Buffer[]): Buffer[] {
  if (cipher.startsWith('chacha')) {
    return packets.map((packet, index) => {
      const nonce = Buffer.alloc(8);
      nonce.writeUInt32BE(first + index, 4);
      const payloadKey = keys.key.subarray(0, 32);
      const length = chacha20orig(keys.key.subarray(32), nonce, packet.subarray(0, 4));
      const body = chacha20orig(payloadKey, nonce, packet.subarray(4), undefined, 1);
      const macKey = chacha20orig(payloadKey, nonce, new Uint8Array(32));
      const sealed = Buffer.concat([length, body]);
      return Buffer.concat([sealed, noblePoly1305(sealed, macKey)]);
    });
  }
  if (cipher.includes('gcm')) {
    return packets.map((packet, index) => {
      const counter = (keys.iv.readBigUInt64BE(4) + BigInt(index)) % 2n ** 64n;
      const nonce = Buffer.from(keys.iv);
      nonce.writeBigUInt64BE(counter, 4);
      const length = packet.subarray(0, 4);
      return Buffer.concat([length, gcm(keys.key, nonce, length).encrypt(packet.subarray(4))]);
    });
  }
  if (mac === null) throw new Error('no MAC');
  const etm = mac.includes('etm');
  const clear = etm ? packets.map((packet) => packet.subarray(4)) : packets;
  const stream = Buffer.from(ctr(keys.key, keys.iv).encrypt(Buffer.concat(clear)));
  let offset = 0;
  return packets.map((packet, index) => {
    const length = clear[index]!.length;
    const body = stream.subarray(offset, offset + length);
    offset += length;
    const sealed = etm ? Buffer.concat([packet.subarray(0, 4), body]) : body;
    return Buffer.concat([sealed, oracleMac(mac, keys.macKey, first + index, etm ? sealed : packet)]);
  });
}

test('there are the ciphers and MACs that we promise', () => {
  expect([...CIPHER_NAMES].sort()).toEqual([
    'aes128-ctr',
    'aes128-gcm@openssh.com',
    'aes192-ctr',
    'aes256-ctr',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
  ]);
  expect([...MAC_NAMES].sort()).toEqual([
    'hmac-sha1',
    'hmac-sha1-etm@openssh.com',
    'hmac-sha2-256',
    'hmac-sha2-256-etm@openssh.com',
    'hmac-sha2-512',
    'hmac-sha2-512-etm@openssh.com',
    'umac-128-etm@openssh.com',
    'umac-128@openssh.com',
    'umac-64-etm@openssh.com',
    'umac-64@openssh.com',
  ]);
});

test('unknown names and wrong sizes are refused', () => {
  const empty = { key: Buffer.alloc(0), iv: Buffer.alloc(0), macKey: Buffer.alloc(0) };
  for (const name of ['', 'none', 'toString', 'aes128-cbc']) {
    expect(() => isAead(name)).toThrow(RangeError);
    expect(() => cipherKeySizes('aes128-ctr', name)).toThrow(RangeError);
    expect(() => createSealer(name, 'hmac-sha2-256', empty)).toThrow(RangeError);
  }
  expect(() => cipherKeySizes('aes128-ctr', null)).toThrow(RangeError);
  expect(() => createSealer('aes128-gcm@openssh.com', null, empty)).toThrow(RangeError);
  expect(() => createOpener('aes256-ctr', 'hmac-sha1', empty)).toThrow(RangeError);
});

test.each([
  ['aes128-gcm@openssh.com', null, 16, 12, 0],
  ['aes256-gcm@openssh.com', null, 32, 12, 0],
  ['chacha20-poly1305@openssh.com', null, 64, 0, 0],
  ['aes128-ctr', 'hmac-sha2-256', 16, 16, 32],
  ['aes192-ctr', 'hmac-sha2-512-etm@openssh.com', 24, 16, 64],
  ['aes256-ctr', 'umac-64@openssh.com', 32, 16, 16],
  ['aes256-ctr', 'umac-128-etm@openssh.com', 32, 16, 16],
  ['aes256-ctr', 'hmac-sha1', 32, 16, 20],
])('%s with %s takes %d, %d and %d bytes', (cipher, mac, keyBytes, ivBytes, macKeyBytes) => {
  expect(cipherKeySizes(cipher, mac)).toEqual({ keyBytes, ivBytes, macKeyBytes });
});

describe.each(COMBINATIONS)('$cipher $mac', ({ cipher, mac }) => {
  const payloadBytes = [1, 0, 11, 17, 1000, 5000, 32768 + 13];
  /** Sequence numbers wrap at 2^32; these stay just below. */
  const firstSequenceNumber = 0xffffff00;

  test('gives the bytes that an independent construction gives, however the packet is cut', () => {
    const keys = makeKeys(cipher, mac);
    const sealer = createSealer(cipher, mac, copyKeys(keys));
    const packets = payloadBytes.map((bytes) => frame(sealer, randomBytes(bytes)));
    const expected = oracle(cipher, mac, keys, firstSequenceNumber, packets);
    packets.forEach((packet, index) => {
      const cuts = [[], [5], [9, Math.floor(packet.length / 2)], [14, packet.length - 4]][index % 4]!;
      const wire = Buffer.concat(sealer.seal(firstSequenceNumber + index, cut(packet, ...cuts)));
      expect(wire).toHaveLength(packet.length + sealer.tagBytes);
      expect(wire.equals(expected[index]!)).toBe(true);
    });
  });

  test('opens what it sealed', () => {
    const keys = makeKeys(cipher, mac);
    const sealer = createSealer(cipher, mac, copyKeys(keys));
    const opener = createOpener(cipher, mac, copyKeys(keys));
    expect([opener.blockBytes, opener.lengthOutsidePadding, opener.tagBytes]).toEqual([
      sealer.blockBytes,
      sealer.lengthOutsidePadding,
      sealer.tagBytes,
    ]);
    payloadBytes.forEach((bytes, sequenceNumber) => {
      const packet = frame(sealer, randomBytes(bytes));
      const wire = Buffer.concat(sealer.seal(sequenceNumber, cut(packet, 5)));
      expect(open(opener, sequenceNumber, wire).equals(packet.subarray(4))).toBe(true);
    });
  });

  test('refuses every kind of changed packet', () => {
    const keys = makeKeys(cipher, mac);
    const bytes = 40;
    const packet = frame(createSealer(cipher, mac, copyKeys(keys)), randomBytes(bytes));
    const sealer = createSealer(cipher, mac, copyKeys(keys));
    const wire = Buffer.concat(sealer.seal(7, cut(packet)));
    for (let position = 0; position < wire.length; position += 1) {
      const spoilt = Buffer.from(wire);
      spoilt.writeUInt8(spoilt.readUInt8(position) ^ 0x10, position);
      const opener = createOpener(cipher, mac, copyKeys(keys));
      opener.readLength(7, spoilt.subarray(0, opener.headBytes));
      expect(() => opener.open(7, spoilt)).toThrow(PacketIntegrityError);
    }
    // Another sequence number; with GCM, whose nonce is a counter of its own, a packet left out.
    const opener = createOpener(cipher, mac, copyKeys(keys));
    const second = Buffer.concat(sealer.seal(8, cut(packet)));
    const [sequenceNumber, replayed] = cipher.includes('gcm') ? [8, second] : [8, wire];
    opener.readLength(sequenceNumber, replayed.subarray(0, opener.headBytes));
    expect(() => opener.open(sequenceNumber, replayed)).toThrow(PacketIntegrityError);
  });

  test('refuses packets that are too short to be one', () => {
    const opener = createOpener(cipher, mac, makeKeys(cipher, mac));
    for (let length = 0; length < opener.tagBytes + opener.blockBytes; length += 1) {
      expect(() => opener.open(0, Buffer.alloc(length))).toThrow(PacketIntegrityError);
    }
  });

  test('overwrites its keys', () => {
    for (const create of [createSealer, createOpener]) {
      const keys = makeKeys(cipher, mac);
      create(cipher, mac, keys).dispose();
      for (const secret of [keys.key, keys.iv, keys.macKey]) expect(secret.every((byte) => byte === 0)).toBe(true);
    }
  });
});

test('the invocation counter of GCM carries and wraps', () => {
  for (const counter of ['00000000000000ff', '00000000ffffffff', 'ffffffffffffffff']) {
    const keys = makeKeys('aes256-gcm@openssh.com', null);
    keys.iv.write(counter, 4, 'hex');
    const sealer = createSealer('aes256-gcm@openssh.com', null, copyKeys(keys));
    const opener = createOpener('aes256-gcm@openssh.com', null, copyKeys(keys));
    const packets = [0, 1, 2].map(() => frame(sealer, randomBytes(20)));
    const expected = oracle('aes256-gcm@openssh.com', null, keys, 0, packets);
    packets.forEach((packet, index) => {
      const wire = Buffer.concat(sealer.seal(index, cut(packet)));
      expect(wire.equals(expected[index]!)).toBe(true);
      expect(open(opener, index, wire).equals(packet.subarray(4))).toBe(true);
    });
  }
});

test('before the first NEWKEYS packets go as they are', () => {
  const sealer = noneSealer();
  const opener = noneOpener();
  const packet = frame(sealer, Buffer.from('payload'));
  const wire = Buffer.concat(sealer.seal(0, cut(packet, 6)));
  expect(wire.equals(packet)).toBe(true);
  expect(wire.length % 8).toBe(0);
  expect(open(opener, 0, wire).equals(packet.subarray(4))).toBe(true);
  expect(() => opener.open(0, Buffer.alloc(4))).toThrow(PacketIntegrityError);
});
