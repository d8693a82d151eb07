// Headers as the PROXY protocol's specification has them (its examples, and the layouts of §2.1 and §2.2).
import { describe, expect, test } from '@jest/globals';
import { parseProxyHeader, ProxyHeaderError, V2_MOST_BYTES } from '../../../src/server/proxy/proxy-header.ts';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

function v2(command: number, family: number, body: Buffer): Buffer {
  const head = Buffer.from([command, family, 0, 0]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([SIGNATURE, head, body]);
}

const IPV4 = Buffer.from([192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 22]);
const IPV6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from([0x30, 0x39, 0, 22]),
]);
const NEXT = Buffer.from('SSH-2.0-client\r\n');

const WHOLE: readonly (readonly [string, Buffer, unknown])[] = [
  ['PROXY TCP4', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 12345 22\r\n'), { address: '192.0.2.7', port: 12345 }],
  [
    'PROXY TCP6',
    Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 12345 22\r\n'),
    { address: '2001:db8::7', port: 12345 },
  ],
  [
    'the longest TCP6',
    Buffer.from(`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`),
    { address: `${'ffff:'.repeat(7)}ffff`, port: 65535 },
  ],
  ['IPv4 in TCP6', Buffer.from('PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n'), { address: '192.0.2.7', port: 1 }],
  [
    'IPv4 in TCP6, in hexadecimal',
    Buffer.from('PROXY TCP6 ::FFFF:c000:207 ::1 1 2\r\n'),
    { address: '192.0.2.7', port: 1 },
  ],
  ['IPv6 written otherwise', Buffer.from('PROXY TCP6 2001:DB8:0::7 ::1 1 2\r\n'), { address: '2001:db8::7', port: 1 }],
  ['PROXY UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), null],
  ['PROXY UNKNOWN with more', Buffer.from('PROXY UNKNOWN ffff:f...f:ffff 1 2 3\r\n'), null],
  ['version 2, IPv4', v2(0x21, 0x11, IPV4), { address: '192.0.2.7', port: 12345 }],
  ['version 2, IPv6', v2(0x21, 0x21, IPV6), { address: '2001:db8::7', port: 12345 }],
  [
    'version 2, IPv4 in IPv6',
    v2(0x21, 0x21, Buffer.concat([Buffer.from('00000000000000000000ffffc0000207', 'hex'), IPV6.subarray(16)])),
    { address: '192.0.2.7', port: 12345 },
  ],
  [
    'version 2 with TLVs',
    v2(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([0x03, 0, 4, 1, 2, 3, 4])])),
    { address: '192.0.2.7', port: 12345 },
  ],
  ['version 2, LOCAL', v2(0x20, 0x00, Buffer.alloc(0)), null],
  ['version 2, LOCAL with addresses', v2(0x20, 0x11, IPV4), null],
  ['version 2, AF_UNSPEC', v2(0x21, 0x00, Buffer.alloc(0)), null],
];

describe('a header of the PROXY protocol', () => {
  test.each(WHOLE)('%s says where the client is', (_, header, source) => {
    const parsed = parseProxyHeader(Buffer.concat([header, NEXT]));
    expect(parsed).toMatchObject({ kind: 'header', bytes: header.length, source });
    expect(parseProxyHeader(header)).toEqual(parsed);
  });

  test.each(WHOLE)('%s is incomplete at every earlier byte', (_, header) => {
    for (let length = 0; length < header.length; length += 1) {
      expect(parseProxyHeader(header.subarray(0, length))).toEqual({ kind: 'incomplete' });
    }
  });

  test.each([
    ['SSH-2.0-OpenSSH_10.0\r\n'],
    ['PROXI TCP4'],
    ['proxy tcp4 192.0.2.7 198.51.100.1 12345 22\r\n'],
    ['\r\n\r\n\0\r\nQUIT\r'],
    ['\0'],
  ])('%j is none', (start) => {
    expect(parseProxyHeader(Buffer.from(start, 'latin1'))).toEqual({ kind: 'none' });
  });

  test.each([
    ['another protocol', Buffer.from('PROXY UDP4 192.0.2.7 198.51.100.1 12345 22\r\n')],
    ['IPv6 where IPv4 is said', Buffer.from('PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n')],
    ['a zone', Buffer.from('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n')],
    ['no ports', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1\r\n')],
    ['a port too large', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 65536 22\r\n')],
    ['a port with a sign', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 +1 22\r\n')],
    ['two spaces', Buffer.from('PROXY TCP4  192.0.2.7 198.51.100.1 1 22\r\n')],
    ['more at the end', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 1 22 3\r\n')],
    ['nothing', Buffer.from('PROXY \r\n')],
    ['no end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(107)}`)],
    ['version 3', v2(0x31, 0x11, IPV4)],
    ['an unknown command', v2(0x22, 0x11, IPV4)],
    ['UDP', v2(0x21, 0x12, IPV4)],
    ['a UNIX socket', v2(0x21, 0x31, Buffer.alloc(216))],
    ['too little for its addresses', v2(0x21, 0x21, IPV4)],
    ['too many bytes', v2(0x21, 0x11, Buffer.alloc(V2_MOST_BYTES - 15))],
  ])('with %s is refused', (_, header) => {
    expect(() => parseProxyHeader(header)).toThrow(ProxyHeaderError);
  });

  test('never throws anything else, whatever bytes come', () => {
    for (let i = 0; i < 20_000; i += 1) {
      const bytes = Buffer.from(
        Array.from({ length: 1 + (i % 40) }, (_, at) => (i * 31 + at * 17 + ((i * at) % 251)) & 0xff),
      );
      const start =
        i % 3 === 0
          ? Buffer.concat([SIGNATURE, bytes])
          : i % 3 === 1
            ? Buffer.concat([Buffer.from('PROXY '), bytes])
            : bytes;
      try {
        parseProxyHeader(start);
      } catch (error) {
        expect(error).toBeInstanceOf(ProxyHeaderError);
      }
    }
  });
});
