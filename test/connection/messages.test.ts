// RFC 4254, message by message, in bytes that are written out here.
import { describe, expect, test } from '@jest/globals';
import { MAX_DATA_BYTES } from '../../src/connection/limits.ts';
import * as messages from '../../src/connection/messages.ts';
import { WireError } from '../../src/wire/wire-error.ts';

/** Hexadecimal digits, in groups as they are read best; text between quotes stands for its ASCII bytes. */
function bytes(parts: string): Buffer {
  const tokens = parts.match(/'[^']*'|[0-9a-f]+/g) ?? [];
  return Buffer.concat(tokens.map((token) => (token.startsWith("'") ? text(token) : Buffer.from(token, 'hex'))));
}
const text = (quoted: string): Buffer => Buffer.from(quoted.slice(1, -1), 'latin1');

interface Row {
  readonly name: string;
  readonly literal: Buffer;
  readonly encode: () => Buffer;
  readonly decode: (payload: Buffer) => unknown;
  readonly fields: unknown;
  /** Bytes at the end that a decoder leaves to others: a message without them is whole too. */
  readonly optionalBytes?: number;
}

/** A row whose fields are what is encoded and what is decoded. */
function row<T>(
  name: string,
  literal: string,
  fields: T,
  codec: { encode: (fields: T) => Buffer; decode: (payload: Buffer) => T; optionalBytes?: number },
): Row {
  const { encode, decode, optionalBytes = 0 } = codec;
  return { name, literal: bytes(literal), encode: () => encode(fields), decode, fields, optionalBytes };
}

const { SSH_MSG_CONNECTION: NUMBER } = messages;
const bare = (number: Parameters<typeof messages.encodeChannelMessage>[0]) => ({
  encode: (channel: number) => messages.encodeChannelMessage(number, channel),
  decode: messages.decodeChannelMessage,
});

const rows: readonly Row[] = [
  row(
    'GLOBAL_REQUEST',
    "50 0000000d 'tcpip-forward' 01 00000002 'ab' 00000016",
    { name: 'tcpip-forward', wantReply: true, data: bytes("00000002 'ab' 00000016") },
    { encode: messages.encodeGlobalRequest, decode: messages.decodeGlobalRequest, optionalBytes: 10 },
  ),
  row('REQUEST_SUCCESS', '51 00000016', bytes('00000016'), {
    encode: messages.encodeRequestSuccess,
    decode: messages.decodeRequestSuccess,
    optionalBytes: 4,
  }),
  row(
    'CHANNEL_OPEN',
    "5a 00000007 'session' 00000003 00200000 00008000",
    { type: 'session', senderChannel: 3, initialWindowSize: 2_097_152, maximumPacketSize: 32_768 },
    { encode: messages.encodeChannelOpen, decode: messages.decodeChannelOpen },
  ),
  row(
    'CHANNEL_OPEN_CONFIRMATION',
    '5b 00000003 00000001 00200000 00040000',
    { recipientChannel: 3, senderChannel: 1, initialWindowSize: 2_097_152, maximumPacketSize: 262_144 },
    { encode: messages.encodeChannelOpenConfirmation, decode: messages.decodeChannelOpenConfirmation },
  ),
  row(
    'CHANNEL_OPEN_FAILURE',
    "5c 00000003 00000004 00000008 'too many' 00000000",
    { recipientChannel: 3, reasonCode: 4, description: 'too many' },
    { encode: messages.encodeChannelOpenFailure, decode: messages.decodeChannelOpenFailure, optionalBytes: 4 },
  ),
  row(
    'CHANNEL_WINDOW_ADJUST',
    '5d 00000003 ffffffff',
    { recipientChannel: 3, bytesToAdd: 0xffff_ffff },
    { encode: messages.encodeChannelWindowAdjust, decode: messages.decodeChannelWindowAdjust },
  ),
  row(
    'CHANNEL_DATA',
    "5e 80000001 00000003 'abc'",
    { recipientChannel: 0x8000_0001, data: Buffer.from('abc') },
    {
      encode: ({ recipientChannel, data }) =>
        Buffer.concat([messages.encodeChannelDataHead(recipientChannel, data.length), data]),
      decode: messages.decodeChannelData,
    },
  ),
  row(
    'CHANNEL_EXTENDED_DATA',
    "5f 00000003 00000001 00000003 'abc'",
    { recipientChannel: 3, dataTypeCode: messages.EXTENDED_DATA_STDERR, data: Buffer.from('abc') },
    { encode: messages.encodeChannelExtendedData, decode: messages.decodeChannelExtendedData },
  ),
  row('CHANNEL_EOF', '60 00000003', 3, bare(NUMBER.CHANNEL_EOF)),
  row('CHANNEL_CLOSE', '61 00000003', 3, bare(NUMBER.CHANNEL_CLOSE)),
  row(
    'CHANNEL_REQUEST',
    "62 00000003 00000009 'subsystem' 01 00000004 'sftp'",
    { recipientChannel: 3, type: 'subsystem', wantReply: true, data: bytes("00000004 'sftp'") },
    { encode: messages.encodeChannelRequest, decode: messages.decodeChannelRequest, optionalBytes: 8 },
  ),
  row('CHANNEL_SUCCESS', '63 00000003', 3, bare(NUMBER.CHANNEL_SUCCESS)),
  row('CHANNEL_FAILURE', '64 00000003', 3, bare(NUMBER.CHANNEL_FAILURE)),
];

describe.each(rows)('$name', ({ name, literal, encode, decode, fields, optionalBytes = 0 }) => {
  test('is written so', () => {
    expect(encode()).toEqual(literal);
    expect(literal[0]).toBe(NUMBER[name as keyof typeof NUMBER]);
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

test('every number has its row here, but for REQUEST_FAILURE, which has no fields', () => {
  expect(messages.encodeRequestFailure()).toEqual(bytes('52'));
  const tested = [...rows.map(({ name }) => name), 'REQUEST_FAILURE'];
  expect(tested.sort()).toEqual(Object.keys(NUMBER).sort());
});

test.each([
  ['subsystem', "00000004 'sftp'", 'sftp', messages.encodeSubsystemData, messages.decodeSubsystemData],
  ['exec', "00000002 'id'", 'id', messages.encodeExecData, (data: Buffer) => messages.decodeExecData(data).toString()],
])('the data of %s', (_type, literal, value, encode, decode) => {
  expect(encode(value)).toEqual(bytes(literal));
  expect(decode(bytes(literal))).toBe(value);
});

test('the data of exit-status', () => {
  expect(messages.encodeExitStatusData(1)).toEqual(bytes('00000001'));
  expect(messages.decodeExitStatusData(bytes('000000ff'))).toBe(255);
});

describe('host keys (OpenSSH PROTOCOL §2.5)', () => {
  const literal = bytes("00000002 'k1' 00000001 'k'");

  test('blobs one after the other', () => {
    expect(messages.encodeHostKeysData([Buffer.from('k1'), Buffer.from('k')])).toEqual(literal);
    expect([...messages.decodeHostKeysData(literal)]).toEqual([Buffer.from('k1'), Buffer.from('k')]);
    expect([...messages.decodeHostKeysData(Buffer.alloc(0))]).toEqual([]);
  });

  test('are read no further than is asked for', () => {
    const blobs = messages.decodeHostKeysData(bytes("00000002 'k1' ffffffff"));
    expect(blobs.next().value).toEqual(Buffer.from('k1'));
    expect(() => blobs.next()).toThrow(WireError);
  });

  test('what is signed', () => {
    expect(messages.encodeHostKeyProof(Buffer.from('session'), Buffer.from('k1'))).toEqual(
      bytes("0000001d 'hostkeys-prove-00@openssh.com' 00000007 'session' 00000002 'k1'"),
    );
  });
});

describe('what is too long is not taken', () => {
  const long = (length: number): Buffer => Buffer.alloc(length, 0x61);
  const string = (length: number): Buffer =>
    Buffer.concat([Buffer.from([0, 0, length >> 8, length & 0xff]), long(length)]);

  test.each<[string, () => unknown]>([
    [
      'the name of a global request',
      () => messages.decodeGlobalRequest(Buffer.concat([bytes('50'), string(129), long(1)])),
    ],
    ["a channel's type", () => messages.decodeChannelOpen(Buffer.concat([bytes('5a'), string(65), long(12)]))],
    [
      "a request's type",
      () => messages.decodeChannelRequest(Buffer.concat([bytes('62 00000000'), string(65), long(1)])),
    ],
    ['a subsystem', () => messages.decodeSubsystemData(string(257))],
    ['a command', () => messages.decodeExecData(string(4097))],
    ['a blob', () => [...messages.decodeHostKeysData(string(8193))]],
  ])('%s', (_what, decode) => {
    expect(decode).toThrow(/string of \d+ bytes where at most/);
  });

  test('data, of either kind', () => {
    const data = long(MAX_DATA_BYTES + 1);
    expect(() =>
      messages.decodeChannelData(Buffer.concat([messages.encodeChannelDataHead(0, data.length), data])),
    ).toThrow(WireError);
    const extended = messages.encodeChannelExtendedData({ recipientChannel: 0, dataTypeCode: 1, data });
    expect(() => messages.decodeChannelExtendedData(extended)).toThrow(WireError);
  });
});

test('bytes behind the data are an error', () => {
  expect(() => messages.decodeChannelData(bytes("5e 00000001 00000001 'ab'"))).toThrow(WireError);
});

test('a type that is not printable ASCII, and a subsystem that is not UTF-8', () => {
  expect(() => messages.decodeChannelOpen(bytes('5a 00000001 0a 00000000 00000000 00000000'))).toThrow(WireError);
  expect(() => messages.decodeSubsystemData(bytes('00000002 c328'))).toThrow(WireError);
});

test('any byte but zero is true (RFC 4251 §5)', () => {
  expect(messages.decodeGlobalRequest(bytes("50 00000001 'x' 80")).wantReply).toBe(true);
  expect(messages.decodeGlobalRequest(bytes("50 00000001 'x' 00")).wantReply).toBe(false);
});

test('data that is read is a view, not a copy', () => {
  const payload = bytes("5e 00000001 00000003 'abc'");
  payload.writeUInt8(0x7a, 9);
  const { data } = messages.decodeChannelData(payload);
  payload.writeUInt8(0x79, 9);
  expect(data.toString()).toBe('ybc');
});
