import { describe, expect, test } from '@jest/globals';
import { SSH_MSG_KEXINIT } from '../../src/negotiation/kexinit.ts';
import * as kex from '../../src/transport/kex-messages.ts';
import * as messages from '../../src/transport/messages.ts';
import { WireError } from '../../src/wire/wire-error.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the bytes of each message', () => {
  test.each<[name: string, encoded: Buffer, bytes: string]>([
    ['DISCONNECT', messages.encodeDisconnect(11, 'bye'), '01 0000000b 00000003 627965 00000000'],
    ['IGNORE', messages.encodeIgnore(hex('ff00')), '02 00000002 ff00'],
    ['UNIMPLEMENTED', messages.encodeUnimplemented(0xffff_fffe), '03 fffffffe'],
    ['DEBUG', messages.encodeDebug('hm'), '04 01 00000002 686d 00000000'],
    ['SERVICE_REQUEST', messages.encodeServiceRequest('ssh-userauth'), '05 0000000c 7373682d7573657261757468'],
    ['SERVICE_ACCEPT', messages.encodeServiceAccept('ssh-userauth'), '06 0000000c 7373682d7573657261757468'],
    [
      'EXT_INFO',
      messages.encodeExtInfo(
        new Map([
          ['a', 'bc'],
          ['d', ''],
        ]),
      ),
      '07 00000002 00000001 61 00000002 6263 00000001 64 00000000',
    ],
    ['NEWKEYS', messages.encodeNewKeys(), '15'],
    ['PING', messages.encodePing(hex('0102')), 'c0 00000002 0102'],
    ['PONG', messages.encodePong(hex('0102')), 'c1 00000002 0102'],
    ['KEX_ECDH_INIT', kex.encodeKexValue(30, 'string', hex('80')), '1e 00000001 80'],
    ['KEXDH_INIT', kex.encodeKexValue(30, 'mpint', hex('80')), '1e 00000002 0080'],
    [
      'KEX_ECDH_REPLY',
      kex.encodeKexReply(31, 'string', { hostKeyBlob: hex('01'), reply: hex('0080'), signature: hex('03') }),
      '1f 00000001 01 00000002 0080 00000001 03',
    ],
    [
      'KEX_DH_GEX_REPLY',
      kex.encodeKexReply(33, 'mpint', { hostKeyBlob: hex('01'), reply: hex('0080'), signature: hex('03') }),
      '21 00000001 01 00000002 0080 00000001 03',
    ],
    ['KEX_DH_GEX_GROUP', kex.encodeGexGroup({ p: hex('ff01'), g: hex('02') }), '1f 00000003 00ff01 00000001 02'],
    ['KEX_DH_GEX_INIT', kex.encodeKexValue(32, 'mpint', hex('7f')), '20 00000001 7f'],
    ['KEX_DH_GEX_REQUEST', kex.encodeGexRequest([2048, 3072, 8192]), '22 00000800 00000c00 00002000'],
  ])('%s is written', (_name, encoded, bytes) => {
    expect(encoded.toString('hex')).toBe(bytes.replaceAll(' ', ''));
  });

  test.each<[name: string, decode: (payload: Buffer) => unknown, bytes: string, value: unknown]>([
    [
      'DISCONNECT',
      messages.decodeDisconnect,
      '01 0000000b 00000003 627965 00000002 656e',
      { reason: 11, text: Buffer.from('bye') },
    ],
    [
      'DISCONNECT without its language tag',
      messages.decodeDisconnect,
      '01 00000002 00000000',
      { reason: 2, text: Buffer.alloc(0) },
    ],
    ['UNIMPLEMENTED', messages.decodeUnimplemented, '03 00000007', 7],
    ['SERVICE_REQUEST', messages.decodeServiceRequest, '05 0000000c 7373682d7573657261757468', 'ssh-userauth'],
    ['SERVICE_ACCEPT', messages.decodeServiceAccept, '06 0000000c 7373682d7573657261757468', 'ssh-userauth'],
    [
      'EXT_INFO',
      messages.decodeExtInfo,
      '07 00000002 00000001 61 00000002 6200 00000001 64 00000000',
      new Map([
        ['a', hex('6200')],
        ['d', Buffer.alloc(0)],
      ]),
    ],
    ['PING', messages.decodePing, 'c0 00000002 0102', hex('0102')],
    ['KEX_ECDH_INIT', (payload) => kex.decodeKexValue(payload, 'string'), '1e 00000002 0080', hex('0080')],
    ['KEXDH_INIT', (payload) => kex.decodeKexValue(payload, 'mpint'), '1e 00000002 0080', hex('80')],
    [
      'KEX_ECDH_REPLY',
      (payload) => kex.decodeKexReply(payload, 'string'),
      '1f 00000001 01 00000002 0080 00000001 03',
      { hostKeyBlob: hex('01'), reply: hex('0080'), signature: hex('03') },
    ],
    ['KEX_DH_GEX_GROUP', kex.decodeGexGroup, '1f 00000003 00ff01 00000001 02', { p: hex('ff01'), g: hex('02') }],
    ['KEX_DH_GEX_REQUEST', kex.decodeGexRequest, '22 00000800 00000c00 00002000', [2048, 3072, 8192]],
  ])('%s is read', (_name, decode, bytes, value) => {
    expect(decode(hex(bytes))).toEqual(value);
  });

  test('KEXINIT has its number', () => {
    expect([messages.SSH_MSG.KEXINIT, SSH_MSG_KEXINIT]).toEqual([20, 20]);
  });
});

describe('a hostile message', () => {
  test.each<[what: string, decode: (payload: Buffer) => unknown, bytes: string]>([
    ['DISCONNECT that ends in its text', messages.decodeDisconnect, '01 0000000b 00000009 627965'],
    ['UNIMPLEMENTED with more', messages.decodeUnimplemented, '03 00000007 00'],
    ['SERVICE_REQUEST with more', messages.decodeServiceRequest, '05 00000001 61 00'],
    ['SERVICE_REQUEST of 65 bytes', messages.decodeServiceRequest, `05 00000041 ${'61'.repeat(65)}`],
    ['SERVICE_REQUEST that is not ASCII', messages.decodeServiceRequest, '05 00000001 80'],
    ['EXT_INFO with fewer extensions than it says', messages.decodeExtInfo, '07 00000002 00000001 61 00000000'],
    ['PING that claims 4 GiB', messages.decodePing, 'c0 ffffffff 01'],
    ['a value with more after it', (payload: Buffer) => kex.decodeKexValue(payload, 'string'), '1e 00000001 80 00'],
    ['a negative value', (payload: Buffer) => kex.decodeKexValue(payload, 'mpint'), '1e 00000001 80'],
    [
      'a value of 4097 bytes',
      (payload: Buffer) => kex.decodeKexValue(payload, 'string'),
      `1e 00001001 ${'01'.repeat(4097)}`,
    ],
    [
      'a reply without a signature',
      (payload: Buffer) => kex.decodeKexReply(payload, 'string'),
      '1f 00000001 01 00000001 02',
    ],
    ['a group of 8,200 bits', kex.decodeGexGroup, `1f 00000402 01${'00'.repeat(1025)} 00000001 02`],
    ['a group request that ends early', kex.decodeGexRequest, '22 00000800 00000c00'],
  ])('%s throws WireError', (_what, decode, bytes) => {
    expect(() => decode(hex(bytes))).toThrow(WireError);
  });

  test('EXT_INFO with more extensions than anybody sends is read as far as 64', () => {
    const many = new Map(Array.from({ length: 100 }, (_, i) => [`x${i}`, 'v'] as const));
    expect(messages.decodeExtInfo(messages.encodeExtInfo(many)).size).toBe(64);
  });
});
