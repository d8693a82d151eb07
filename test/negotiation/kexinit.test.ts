import { describe, expect, test } from '@jest/globals';
import { parseKexInit } from '../../scripts/parse-kexinit.ts';
import { noneSealer } from '../../src/crypto/cipher/cipher-constructors.ts';
import { decodeKexInit, encodeKexInit, kexInitFor, type KexInit } from '../../src/negotiation/kexinit.ts';
import { MAX_NAME_LIST_BYTES } from '../../src/negotiation/limits.ts';
import { negotiate } from '../../src/negotiation/negotiate.ts';
import { PacketWriter } from '../../src/transport/packet-writer.ts';
import { WireError } from '../../src/wire/wire-error.ts';
import { SshWriter } from '../../src/wire/writer.ts';

const COOKIE = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const INIT: KexInit = {
  kex: ['a', 'bc'],
  hostKeys: ['d'],
  ciphersClientToServer: ['e'],
  ciphersServerToClient: ['f'],
  macsClientToServer: [],
  macsServerToClient: ['g'],
  compressionClientToServer: ['none'],
  compressionServerToClient: ['none'],
  firstKexPacketFollows: true,
};
const WIRE = [
  '14',
  COOKIE.toString('hex'),
  '00000004612c6263',
  '0000000164',
  '0000000165',
  '0000000166',
  '00000000',
  '0000000167',
  '000000046e6f6e65',
  '000000046e6f6e65',
  '00000000',
  '00000000',
  '01',
  '00000000',
].join('');

describe('the codec', () => {
  test('writes the bytes of RFC 4253 §7.1, and reads them', () => {
    expect(encodeKexInit(INIT, COOKIE).toString('hex')).toBe(WIRE);
    expect(decodeKexInit(Buffer.from(WIRE, 'hex'))).toEqual(INIT);
  });

  test('writes what another parser reads', () => {
    const packet = Buffer.concat(new PacketWriter(noneSealer()).seal(encodeKexInit(INIT, COOKIE), []));
    expect(parseKexInit(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), packet]))).toEqual({
      version: 'SSH-2.0-x',
      ...INIT,
    });
  });

  test('languages and the reserved number are not looked at', () => {
    const languages = WIRE.length - 2 * (4 + 4 + 1 + 4);
    const withLanguages = `${WIRE.slice(0, languages)}00000002656e00000002646501ffffffff`;
    expect(decodeKexInit(Buffer.from(withLanguages, 'hex'))).toEqual(INIT);
  });
});

describe('what a role puts on the wire', () => {
  const lists = { kex: ['k'], hostKeys: ['h'], ciphers: ['c'], macs: ['m'] };

  test('the lists both ways, no compression, no guess', () => {
    expect(kexInitFor(lists, 'server', 'first')).toEqual({
      kex: ['k', 'kex-strict-s-v00@openssh.com'],
      hostKeys: ['h'],
      ciphersClientToServer: ['c'],
      ciphersServerToClient: ['c'],
      macsClientToServer: ['m'],
      macsServerToClient: ['m'],
      compressionClientToServer: ['none'],
      compressionServerToClient: ['none'],
      firstKexPacketFollows: false,
    });
  });

  test.each([
    ['server', 'first', ['kex-strict-s-v00@openssh.com']],
    ['server', 'later', ['kex-strict-s-v00@openssh.com']],
    ['client', 'first', ['ext-info-c', 'kex-strict-c-v00@openssh.com']],
    // RFC 8308 §2.1: in the first KEXINIT only.
    ['client', 'later', ['kex-strict-c-v00@openssh.com']],
  ] as const)('the signals of a %s, %s KEXINIT', (role, position, signals) => {
    expect(kexInitFor(lists, role, position).kex.slice(1)).toEqual(signals);
  });
});

describe('a hostile KEXINIT', () => {
  /** A KEXINIT whose first list is these bytes. */
  const withKexList = (list: Buffer, length = list.length): Buffer =>
    Buffer.concat([
      new SshWriter().byte(20).bytes(COOKIE).uint32(length).bytes(list).finish(),
      Buffer.from(WIRE.slice(2 * (1 + 16 + 8)), 'hex'),
    ]);

  test('that ends early, at every byte', () => {
    const whole = Buffer.from(WIRE, 'hex');
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => decodeKexInit(whole.subarray(0, length))).toThrow(WireError);
    }
  });

  test.each<[what: string, payload: Buffer]>([
    ['another message', Buffer.concat([Buffer.of(21), Buffer.from(WIRE, 'hex').subarray(1)])],
    ['bytes after its end', Buffer.from(`${WIRE}00`, 'hex')],
    ['an empty name', withKexList(Buffer.from('a,,b'))],
    ['a comma at the end', withKexList(Buffer.from('a,'))],
    ['only a comma', withKexList(Buffer.from(','))],
    ['a name that is not ASCII', withKexList(Buffer.from('curve25519-sha256é'))],
    ['a control character', withKexList(Buffer.from('a\u0000b'))],
    ['a list that claims 4 GiB', withKexList(Buffer.from('a'), 0xffff_ffff)],
    ['a list of one byte too many', withKexList(Buffer.alloc(MAX_NAME_LIST_BYTES + 1, 'a'))],
  ])('with %s', (_what, payload) => {
    expect(() => decodeKexInit(payload)).toThrow(WireError);
  });

  test('with the longest list of the shortest names is read and negotiated', () => {
    const names = Array.from({ length: MAX_NAME_LIST_BYTES / 2 }, () => 'a');
    const longest = decodeKexInit(withKexList(Buffer.from(names.join(','))));
    expect(longest.kex).toHaveLength(MAX_NAME_LIST_BYTES / 2);
    expect(negotiate(longest, { ...INIT, kex: ['b'] })).toMatchObject({ outcome: 'refused', failed: { list: 'kex' } });
    // A name that stands twice is chosen once.
    expect(negotiate(longest, { ...INIT, macsClientToServer: ['m'] })).toMatchObject({
      outcome: 'refused',
      failed: { list: 'macsClientToServer' },
    });
  });

  test("with names of an object's own members finds no match", () => {
    const client = { ...INIT, kex: ['__proto__', 'constructor', 'toString'] };
    expect(negotiate(client, INIT)).toMatchObject({ outcome: 'refused', failed: { list: 'kex' } });
  });
});
