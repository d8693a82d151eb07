// RFC 4252, message by message, in bytes that are written out here.
import { describe, expect, test } from '@jest/globals';
import * as messages from '../../src/auth/messages.ts';
import { WireError } from '../../src/wire/wire-error.ts';

/** Hexadecimal digits, in groups as they are read best; text between quotes stands for its ASCII bytes. */
function bytes(parts: string): Buffer {
  const tokens = parts.match(/'[^']*'|[0-9a-f]+/g) ?? [];
  return Buffer.concat(
    tokens.map((token) =>
      token.startsWith("'") ? Buffer.from(token.slice(1, -1), 'latin1') : Buffer.from(token, 'hex'),
    ),
  );
}

interface Row {
  readonly name: string;
  readonly literal: Buffer;
  readonly encode: () => Buffer;
  readonly decode: (payload: Buffer) => unknown;
  readonly fields: unknown;
  /** Bytes at the end that the decoder leaves to others. */
  readonly optionalBytes: number;
}

function row<T>(
  name: string,
  literal: string,
  fields: T,
  codec: { encode: (fields: T) => Buffer; decode: (payload: Buffer) => T; optionalBytes?: number },
): Row {
  const { encode, decode, optionalBytes = 0 } = codec;
  return { name, literal: bytes(literal), encode: () => encode(fields), decode, fields, optionalBytes };
}

const password = { encode: messages.encodePasswordFields, decode: messages.decodePasswordFields };
const publicKey = { encode: messages.encodePublicKeyFields, decode: messages.decodePublicKeyFields };
const blob = Buffer.from('blob');

const rows: readonly Row[] = [
  row(
    'REQUEST',
    "32 00000005 'alice' 0000000e 'ssh-connection' 00000008 'password' 00 00000001 'x'",
    { userName: 'alice', service: 'ssh-connection', method: 'password', fields: bytes("00 00000001 'x'") },
    { encode: messages.encodeUserAuthRequest, decode: messages.decodeUserAuthRequest, optionalBytes: 6 },
  ),
  row('fields of password', "00 00000003 'abc'", { password: Buffer.from('abc'), newPassword: null }, password),
  row(
    'fields of password, with a change',
    "01 00000003 'abc' 00000002 'de'",
    { password: Buffer.from('abc'), newPassword: Buffer.from('de') },
    password,
  ),
  row(
    'fields of publickey, asking',
    "00 0000000b 'ssh-ed25519' 00000004 'blob'",
    { algorithm: 'ssh-ed25519', blob, signature: null },
    publicKey,
  ),
  row(
    'fields of publickey, signed',
    "01 0000000b 'ssh-ed25519' 00000004 'blob' 00000003 'sig'",
    { algorithm: 'ssh-ed25519', blob, signature: Buffer.from('sig') },
    publicKey,
  ),
  row(
    'FAILURE',
    "33 00000012 'publickey,password' 00",
    { methods: ['publickey', 'password'], partialSuccess: false },
    { encode: messages.encodeUserAuthFailure, decode: messages.decodeUserAuthFailure },
  ),
  row(
    'FAILURE after a partial success, without any method left',
    '33 00000000 01',
    { methods: [], partialSuccess: true },
    { encode: messages.encodeUserAuthFailure, decode: messages.decodeUserAuthFailure },
  ),
  row('BANNER', "35 00000004 'Hi' 0d0a 00000000", 'Hi\r\n', {
    encode: messages.encodeUserAuthBanner,
    decode: messages.decodeUserAuthBanner,
    optionalBytes: 4,
  }),
  row(
    'PK_OK',
    "3c 0000000c 'rsa-sha2-256' 00000004 'blob'",
    { algorithm: 'rsa-sha2-256', blob },
    { encode: messages.encodeUserAuthPkOk, decode: messages.decodeUserAuthPkOk },
  ),
];

describe.each(rows)('$name', ({ literal, encode, decode, fields, optionalBytes }) => {
  test('is written so', () => {
    expect(encode()).toEqual(literal);
  });

  test('is read so', () => {
    expect(decode(literal)).toEqual(fields);
  });

  test('cut short anywhere is a WireError', () => {
    for (let length = 1; length < literal.length - optionalBytes; length += 1) {
      expect(() => decode(literal.subarray(0, length))).toThrow(WireError);
    }
  });
});

test('SUCCESS has no fields', () => {
  expect(messages.encodeUserAuthSuccess()).toEqual(bytes('34'));
});

test('the numbers are those of RFC 4252', () => {
  expect(messages.SSH_MSG_USERAUTH).toEqual({ REQUEST: 50, FAILURE: 51, SUCCESS: 52, BANNER: 53, PK_OK: 60 });
});

test('what is signed: the session identifier, and the request up to the signature as it was sent', () => {
  // "TRUE" as 0x80: a signature is over the bytes, not over what they mean.
  const request = "32 00000005 'alice' 0000000e 'ssh-connection' 00000009 'publickey' 80 00000001 'a' 00000001 'b'";
  const payload = bytes(`${request} 00000003 'sig'`);
  const { signature } = messages.decodePublicKeyFields(messages.decodeUserAuthRequest(payload).fields);
  expect(messages.encodeSignedData(Buffer.from('id'), payload, signature ?? Buffer.alloc(0))).toEqual(
    bytes(`00000002 'id' ${request}`),
  );
});

describe('what is too long is not taken', () => {
  const string = (length: number): Buffer =>
    Buffer.concat([Buffer.from([0, 0, length >> 8, length & 0xff]), Buffer.alloc(length, 0x61)]);
  const request = (...lengths: number[]): Buffer => Buffer.concat([bytes('32'), ...lengths.map(string)]);

  test.each<[string, () => unknown]>([
    ['a user name', () => messages.decodeUserAuthRequest(request(257, 1, 1))],
    ['a service', () => messages.decodeUserAuthRequest(request(1, 65, 1))],
    ['a method', () => messages.decodeUserAuthRequest(request(1, 1, 65))],
    ['an algorithm', () => messages.decodePublicKeyFields(Buffer.concat([bytes('00'), string(129), string(1)]))],
    ['a key', () => messages.decodePublicKeyFields(Buffer.concat([bytes('00'), string(1), string(16385)]))],
    [
      'a signature',
      () => messages.decodePublicKeyFields(Buffer.concat([bytes('01'), string(1), string(1), string(8193)])),
    ],
  ])('%s', (_what, decode) => {
    expect(decode).toThrow(/string of \d+ bytes where at most/);
  });

  test('but what they may have is', () => {
    expect(messages.decodeUserAuthRequest(request(256, 64, 64)).userName).toHaveLength(256);
  });
});

test.each([
  ['of password', () => messages.decodePasswordFields(bytes("00 00000001 'ab'"))],
  ['of publickey', () => messages.decodePublicKeyFields(bytes("00 00000001 'a' 00000001 'b' 00"))],
])('bytes behind the fields %s are an error', (_what, decode) => {
  expect(decode).toThrow(WireError);
});

test('a user name that is not UTF-8, and a method that is not printable', () => {
  expect(() => messages.decodeUserAuthRequest(bytes("32 00000002 c328 00000001 's' 00000001 'm'"))).toThrow(WireError);
  expect(() => messages.decodeUserAuthRequest(bytes("32 00000001 'u' 00000001 's' 00000001 00"))).toThrow(WireError);
});
