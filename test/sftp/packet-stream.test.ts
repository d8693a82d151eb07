import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ChunkQueue } from '../../src/sftp/chunk-queue.ts';
import { MAX_PACKET_BYTES } from '../../src/sftp/limits.ts';
import { PacketStream, type IncomingPacket } from '../../src/sftp/packet-stream.ts';
import { SftpFramingError } from '../../src/sftp/status.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

function packetsOf(chunks: readonly Buffer[]): IncomingPacket[] {
  const stream = new PacketStream();
  const packets: IncomingPacket[] = [];
  for (const chunk of chunks) {
    stream.push(Buffer.from(chunk));
    for (let packet = stream.next(); packet !== undefined; packet = stream.next()) packets.push(packet);
  }
  return packets;
}

/** Length 33, type, id 10, handle, offset 2^32 + 2, eight bytes of data. */
const WRITE = hex('00000021 06 0000000a 00000004 deadbeef 0000000100000002 00000008 0102030405060708');

/** All parts of a WRITE joined, so that packets compare whatever the chunks were. */
function joined(packet: IncomingPacket): unknown {
  return packet.kind === 'write' ? { ...packet, data: Buffer.concat(packet.data).toString('hex') } : packet;
}

describe('PacketStream', () => {
  test('takes SSH_FXP_REALPATH "." apart', () => {
    expect(packetsOf([hex('0000000a 10 00000001 00000001 2e')])).toEqual([
      { kind: 'plain', type: 16, body: hex('00000001 00000001 2e'), bytes: 14 },
    ]);
  });

  test('takes SSH_FXP_WRITE apart: id, handle, 64-bit offset, data', () => {
    expect(packetsOf([WRITE]).map(joined)).toEqual([
      {
        kind: 'write',
        id: 10,
        handle: hex('deadbeef'),
        offset: 0x1_0000_0002,
        data: '0102030405060708',
        dataBytes: 8,
        bytes: 37,
      },
    ]);
  });

  test('hands the data of WRITE on as views of the chunks that it came in', () => {
    const head = hex('00000000 06 00000001 00000004 00000001 0000000000000000 00010008');
    const dataBytes = 0x10008;
    head.writeUInt32BE(head.length - 4 + dataBytes, 0);
    const first = Buffer.concat([head, Buffer.alloc(0x8000, 1)]);
    const second = Buffer.alloc(0x8000, 2);
    const third = Buffer.concat([Buffer.alloc(8, 3), hex('0000000a 10 00000001 00000001 2e')]);
    const stream = new PacketStream();
    stream.push(first);
    stream.push(second);
    expect(stream.next()).toBeUndefined();
    stream.push(third);
    const packet = stream.next();
    if (packet?.kind !== 'write') throw new Error('no WRITE');
    expect(packet.data.map(({ length }) => length)).toEqual([0x8000, 0x8000, 8]);
    expect(packet.data.map((piece) => piece.buffer)).toEqual([first.buffer, second.buffer, third.buffer]);
    expect(packet.data[1]).toBe(second);
    expect(stream.next()).toMatchObject({ kind: 'plain', type: 16 });
  });

  test('gives the same packets whatever the chunks are', () => {
    const whole = Buffer.concat([
      hex('00000005 01 00000003'),
      WRITE,
      hex('0000000a 10 00000001 00000001 2e'),
      WRITE,
      hex('00000009 04 00000007 00000000'),
    ]);
    const expected = packetsOf([whole]).map(joined);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: whole.length }), { maxLength: 30 }), (cuts) => {
        const places = [0, ...[...new Set(cuts)].sort((a, b) => a - b), whole.length];
        const chunks = places.slice(1).map((end, index) => whole.subarray(places[index], end));
        expect(packetsOf(chunks).map(joined)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
    expect(packetsOf([...whole].map((byte) => Buffer.from([byte]))).map(joined)).toEqual(expected);
  });

  test.each([
    ['of no bytes', '00000000'],
    ['too short for an id', '00000004 10 000000'],
    ['longer than the limit', (MAX_PACKET_BYTES + 1).toString(16).padStart(8, '0')],
    ['of 4 GiB', 'ffffffff'],
  ])('a packet %s is no SFTP', (_what, bytes) => {
    expect(() => packetsOf([hex(bytes)])).toThrow(SftpFramingError);
  });

  test('the longest packet is taken', () => {
    const packet = Buffer.alloc(4 + MAX_PACKET_BYTES);
    packet.writeUInt32BE(MAX_PACKET_BYTES, 0);
    packet[4] = 17;
    expect(packetsOf([packet])).toHaveLength(1);
  });

  test.each([
    ['no handle length', '00000005 06 0000000a'],
    ['a handle longer than the packet', '00000019 06 0000000a 00000040 deadbeef 0000000000000000 00000000'],
    ['a handle of 4 GiB', '00000019 06 0000000a ffffffff deadbeef 0000000000000000 00000000'],
    ['data longer than the packet', '00000019 06 0000000a 00000004 deadbeef 0000000000000000 00000001'],
    ['data of 4 GiB', '00000019 06 0000000a 00000004 deadbeef 0000000000000000 ffffffff'],
    ['no offset', '0000000d 06 0000000a 00000004 deadbeef'],
  ])('a WRITE with %s is malformed, and the next packet is found', (_what, bytes) => {
    const packets = packetsOf([Buffer.concat([hex(bytes), WRITE])]);
    expect(packets.map(({ kind }) => kind)).toEqual(['malformed', 'write']);
    expect(packets[0]).toMatchObject({ id: 10 });
  });

  test('an offset above 2^53 - 1 is not rounded', () => {
    const bytes = Buffer.from(WRITE);
    bytes.writeUInt32BE(0x200000, 17);
    expect(packetsOf([bytes])[0]).toMatchObject({ kind: 'write', offset: undefined });
  });

  test('what follows the data of a WRITE is let go', () => {
    const longer = Buffer.concat([WRITE, Buffer.from([1, 2, 3])]);
    longer.writeUInt32BE(longer.length - 4, 0);
    expect(packetsOf([longer, WRITE]).map(joined)).toMatchObject([{ data: '0102030405060708' }, { kind: 'write' }]);
  });
});

describe('ChunkQueue', () => {
  test('bytes that come one by one do not become objects one by one', () => {
    const queue = new ChunkQueue();
    for (let index = 0; index < 100_000; index += 1) queue.push(Buffer.from([index & 0xff]));
    expect(queue.length).toBe(100_000);
    const pieces = queue.takePieces(100_000);
    expect(pieces.length).toBeLessThan(10);
    const whole = Buffer.concat(pieces);
    expect(whole.every((byte, index) => byte === (index & 0xff))).toBe(true);
  });

  test('a chunk taken does not change when more small ones come', () => {
    const queue = new ChunkQueue();
    queue.push(Buffer.from('ab'));
    queue.push(Buffer.from('cd'));
    queue.push(Buffer.from('ef'));
    const taken = queue.takePieces(3);
    queue.push(Buffer.from('gh'));
    expect(Buffer.concat(taken).toString()).toBe('abc');
    expect(queue.take(5).toString()).toBe('defgh');
  });
});

/** A WRITE of `data` with a handle of four bytes: 29 bytes before them. */
function writePacket(data: Buffer): Buffer {
  const head = hex('00000000 06 00000001 00000004 00000001 0000000000000000 00000000');
  head.writeUInt32BE(head.length - 4 + data.length, 0);
  head.writeUInt32BE(data.length, head.length - 4);
  return Buffer.concat([head, data]);
}

test('of a long packet that has not come whole it is told how many bytes are there', () => {
  const stream = new PacketStream();
  const packet = writePacket(Buffer.alloc(200_000, 7));
  for (let at = 0; at < packet.length - 1; at += 30_000) {
    stream.push(packet.subarray(at, Math.min(at + 30_000, packet.length - 1)));
    expect(stream.next()).toBeUndefined();
    expect(stream.unfinishedBytes).toBe(Math.min(at + 30_000, packet.length - 1));
  }
  stream.push(Buffer.concat([packet.subarray(-1), writePacket(Buffer.alloc(10))]));
  expect(stream.next()).toMatchObject({ kind: 'write', dataBytes: 200_000, bytes: 200_029 });
  expect(stream.next()).toMatchObject({ kind: 'write', dataBytes: 10, bytes: 39 });
  expect(stream.next()).toBeUndefined();
  expect(stream.unfinishedBytes).toBe(0);
});

test('a packet that fits into the least window is none of those', () => {
  const stream = new PacketStream();
  stream.push(writePacket(Buffer.alloc(32_768)).subarray(0, -1));
  expect(stream.next()).toBeUndefined();
  expect(stream.unfinishedBytes).toBe(0);
});
