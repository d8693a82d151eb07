// The rules of one channel (RFC 4254 §5.2 and §5.3): windows, packets, the order of EOF and CLOSE. No server, no transport.
import { describe, expect, test } from '@jest/globals';
import { Channel } from '../../src/connection/channel.ts';
import { MAX_DATA_BYTES, MAX_PACKETS_AT_ONCE, MAX_SEND_DATA_BYTES } from '../../src/connection/limits.ts';
import * as messages from '../../src/connection/messages.ts';
import { ReceiveWindows } from '../../src/connection/receive-windows.ts';
import { DISCONNECT_REASON } from '../../src/transport/disconnect.ts';
import { WireError } from '../../src/wire/wire-error.ts';
import { FakePeer } from './fake-peer.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const lengths = (packets: readonly Buffer[]): number[] => packets.map(({ length }) => length);
const protocolError = (message: string): unknown =>
  expect.objectContaining({ reason: DISCONNECT_REASON.PROTOCOL_ERROR, message });

describe("the peer's window", () => {
  test('is never overdrawn, and what waits goes as it is topped up, in order', () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run({ initialWindowSize: 5 });
    expect(program.channel.write([Buffer.from('abc'), Buffer.alloc(0), Buffer.from('defgh')])).toBe(false);
    expect(Buffer.concat(peer.takeData()).toString()).toBe('abcde');
    peer.adjust(channel, 1);
    expect(peer.takeData()).toEqual([Buffer.from('f')]);
    expect(program.told).toEqual([]);
    peer.adjust(channel, 100);
    expect(peer.takeData()).toEqual([Buffer.from('gh')]);
    expect(program.told).toEqual(['drain']);
    expect(program.channel.write([Buffer.from('i')])).toBe(true);
  });

  test('of none at all holds everything back', () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run({ initialWindowSize: 0 });
    expect(program.channel.write([Buffer.from('abc')])).toBe(false);
    peer.adjust(channel, 0);
    expect(peer.take()).toEqual([]);
    peer.adjust(channel, 3);
    expect(peer.takeData()).toEqual([Buffer.from('abc')]);
  });

  test('that is topped up past 2^32 - 1 stays there (FileZilla)', () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run({ initialWindowSize: 0xffff_ffff });
    peer.adjust(channel, 0xffff_ffff);
    expect(program.channel.write([Buffer.from('abc')])).toBe(true);
    expect(peer.takeData()).toEqual([Buffer.from('abc')]);
  });

  test.each([
    [256, [256, 256, 188]],
    [699, [699, 1]],
    [700, [700]],
  ])('with packets of at most %i bytes', (maximumPacketSize, expected) => {
    const peer = new FakePeer();
    const { program } = peer.run({ maximumPacketSize });
    program.channel.write([Buffer.alloc(300, 1), Buffer.alloc(400, 2)]);
    const packets = peer.takeData();
    expect(lengths(packets)).toEqual(expected);
    expect(Buffer.concat(packets)).toEqual(Buffer.concat([Buffer.alloc(300, 1), Buffer.alloc(400, 2)]));
  });

  test('with packets of any size: ours are bounded', () => {
    const peer = new FakePeer();
    const { program } = peer.run({ maximumPacketSize: 0xffff_ffff, initialWindowSize: 0xffff_ffff });
    program.channel.write([Buffer.alloc(MAX_SEND_DATA_BYTES + 1)]);
    expect(lengths(peer.takeData())).toEqual([MAX_SEND_DATA_BYTES, 1]);
  });

  test('of tiny packets: after a number of them the others have their turn', async () => {
    const peer = new FakePeer();
    const { program } = peer.run({ maximumPacketSize: 256 });
    const packets = 2 * MAX_PACKETS_AT_ONCE + 3;
    expect(program.channel.write([Buffer.alloc(packets * 256)])).toBe(false);
    expect(peer.takeData()).toHaveLength(MAX_PACKETS_AT_ONCE);
    await turn();
    expect(peer.takeData()).toHaveLength(MAX_PACKETS_AT_ONCE);
    await turn();
    expect(peer.takeData()).toHaveLength(3);
    expect(program.told).toEqual(['drain']);
    await turn();
    expect(peer.take()).toEqual([]);
  });

  test('what is still to be sent in a later turn is not sent after the end', async () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run({ maximumPacketSize: 256 });
    program.channel.write([Buffer.alloc((MAX_PACKETS_AT_ONCE + 1) * 256)]);
    peer.take();
    peer.close(channel);
    expect(peer.takeNames()).toEqual(['CHANNEL_CLOSE']);
    await turn();
    expect(peer.take()).toEqual([]);
  });
});

describe('a transport that is full', () => {
  test('holds data back until it has drained', () => {
    const peer = new FakePeer();
    const { program } = peer.run();
    peer.writable = false;
    expect(program.channel.write([Buffer.from('abc')])).toBe(false);
    peer.connection.drained();
    expect(peer.take()).toEqual([]);
    peer.writable = true;
    peer.connection.drained();
    expect(peer.takeData()).toEqual([Buffer.from('abc')]);
    expect(program.told).toEqual(['drain']);
    // Told once, and only who was held up.
    peer.connection.drained();
    expect(program.told).toEqual(['drain']);
  });

  test('answers false although everything went out, and says when there is room', () => {
    const peer = new FakePeer();
    const { program } = peer.run();
    peer.writable = false;
    expect(program.channel.write([])).toBe(false);
    peer.writable = true;
    peer.connection.drained();
    expect(program.told).toEqual(['drain']);
  });
});

describe('our window', () => {
  test('takes what was granted, and one byte more ends the connection', () => {
    const peer = new FakePeer({ windows: new ReceiveWindows(1) });
    peer.ask();
    const [confirmation = Buffer.alloc(0)] = peer.take();
    const { senderChannel: channel, initialWindowSize } = messages.decodeChannelOpenConfirmation(confirmation);
    const program = peer.start(channel);
    peer.data(channel, Buffer.alloc(initialWindowSize));
    expect(peer.take()).toEqual([]);
    expect(lengths(program.data)).toEqual([initialWindowSize]);
    expect(() => peer.data(channel, Buffer.alloc(1))).toThrow(protocolError('channel data past the window'));
    expect(() => peer.extendedData(channel, Buffer.alloc(1))).toThrow(protocolError('channel data past the window'));
    expect(lengths(program.data)).toEqual([initialWindowSize]);
  });

  test('is topped up by what the program has dealt with, and not by every byte of it', () => {
    const peer = new FakePeer({ windows: new ReceiveWindows(1) });
    const { channel, program } = peer.run();
    const window = program.channel.windowShare;
    peer.data(channel, Buffer.alloc(window));
    program.channel.consume(1);
    expect(peer.take()).toEqual([]);
    program.channel.consume(window - 1);
    expect(peer.take().map(messages.decodeChannelWindowAdjust)).toEqual([{ recipientChannel: 7, bytesToAdd: window }]);
  });

  test('is given back for what nobody listens to: before a program runs, after it has ended, extended data', () => {
    const windows = new ReceiveWindows(1);
    const peer = new FakePeer({ windows });
    const channel = peer.open();
    const granted = windows.grantedBytes;
    const lost = Buffer.alloc(granted);
    peer.data(channel, lost);
    expect(peer.take().map(messages.decodeChannelWindowAdjust)).toEqual([{ recipientChannel: 7, bytesToAdd: granted }]);
    const program = peer.start(channel);
    peer.extendedData(channel, lost);
    expect(peer.takeNames()).toEqual(['CHANNEL_WINDOW_ADJUST']);
    program.channel.close(0);
    peer.take();
    peer.data(channel, lost);
    // Who has been told CLOSE needs no more, but what it had sent before it knew is no fault.
    expect(peer.take()).toEqual([]);
    expect(program.data).toEqual([]);
    expect(windows.heldBytes).toBe(0);
    peer.close(channel);
    expect(windows.grantedBytes).toBe(0);
  });

  test('grows no more after EOF', () => {
    const peer = new FakePeer({ windows: new ReceiveWindows(1) });
    const { channel, program } = peer.run();
    const window = program.channel.windowShare;
    peer.data(channel, Buffer.alloc(window));
    peer.eof(channel);
    program.channel.consume(window);
    expect(peer.take()).toEqual([]);
  });

  test('a message longer than our largest is an error, whatever the window', () => {
    const peer = new FakePeer();
    const { channel } = peer.run();
    peer.data(channel, Buffer.alloc(MAX_DATA_BYTES));
    expect(() => peer.data(channel, Buffer.alloc(MAX_DATA_BYTES + 1))).toThrow(WireError);
    expect(() => peer.extendedData(channel, Buffer.alloc(MAX_DATA_BYTES + 1))).toThrow(WireError);
  });

  test('of data without a byte nothing is used', () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run();
    for (let i = 0; i < 1000; i += 1) peer.data(channel, Buffer.alloc(0));
    expect(peer.take()).toEqual([]);
    expect(program.data).toHaveLength(1000);
  });
});

describe('EOF and CLOSE', () => {
  test('what is queued goes first, then exit-status, EOF, CLOSE', () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run({ initialWindowSize: 1 });
    program.channel.write([Buffer.from('abc')]);
    program.channel.close(3);
    expect(peer.takeData()).toEqual([Buffer.from('a')]);
    expect(peer.connection.finished).toBe(false);
    peer.adjust(channel, 2);
    const sent = peer.take();
    expect(sent.map(([number]) => number)).toEqual([94, 98, 96, 97]);
    const status = messages.decodeChannelRequest(sent[1] ?? Buffer.alloc(0));
    expect(messages.decodeExitStatusData(status.data)).toBe(3);
    expect(peer.connection.finished).toBe(true);
    // Told when the peer has closed, too; of no drain.
    expect(program.told).toEqual([]);
    peer.close(channel);
    expect(program.told).toEqual(['close']);
    expect(peer.take()).toEqual([]);
  });

  test('without an exit status there is no message of it', () => {
    const peer = new FakePeer();
    peer.run().program.channel.close(null);
    expect(peer.takeNames()).toEqual(['CHANNEL_EOF', 'CHANNEL_CLOSE']);
  });

  test('after its close a program can say nothing, and cannot close again', () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run({ initialWindowSize: 0 });
    program.channel.write([Buffer.from('a')]);
    program.channel.close(0);
    expect(program.channel.write([Buffer.from('b')])).toBe(false);
    program.channel.writeStderr('c');
    program.channel.close(1);
    peer.adjust(channel, 100);
    const sent = peer.take();
    expect(sent.map(([number]) => number)).toEqual([94, 98, 96, 97]);
    expect(messages.decodeChannelData(sent[0] ?? Buffer.alloc(0)).data.toString()).toBe('a');
    expect(program.channel.write([Buffer.from('d')])).toBe(false);
    program.channel.close(1);
    expect(peer.take()).toEqual([]);
  });

  test("the peer's CLOSE is answered with one of ours at once, and what was queued is given up", () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run({ initialWindowSize: 0 });
    program.channel.write([Buffer.from('abc')]);
    program.channel.close(0);
    peer.close(channel);
    expect(peer.takeNames()).toEqual(['CHANNEL_CLOSE']);
    expect(program.told).toEqual(['close']);
  });

  test("the peer's EOF is told once; the program goes on", () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run();
    peer.eof(channel);
    peer.eof(channel);
    expect(program.told).toEqual(['eof']);
    expect(program.channel.write([Buffer.from('abc')])).toBe(true);
    expect(peer.takeData()).toEqual([Buffer.from('abc')]);
    expect(peer.connection.finished).toBe(false);
  });

  test('an EOF before the program is told when it starts', () => {
    const peer = new FakePeer();
    const channel = peer.open();
    peer.eof(channel);
    expect(peer.start(channel).told).toEqual(['eof']);
  });

  test('data after EOF ends the connection, whether a program runs or not', () => {
    const peer = new FakePeer();
    const { channel: running, program } = peer.run();
    for (const channel of [running, peer.open()]) {
      peer.eof(channel);
      expect(() => peer.data(channel, Buffer.from('x'))).toThrow(protocolError('channel data after end of file'));
    }
    expect(program.data).toEqual([]);
  });

  test('a program that ends the channel on what it hears', () => {
    const peer = new FakePeer();
    const { channel, program } = peer.run();
    program.onChunk = (bytes) => {
      program.channel.consume(bytes);
      program.channel.close(0);
    };
    peer.data(channel, Buffer.from('one'));
    peer.data(channel, Buffer.from('two'));
    expect(program.data).toEqual([Buffer.from('one')]);
    expect(peer.takeNames()).toEqual(['CHANNEL_REQUEST', 'CHANNEL_EOF', 'CHANNEL_CLOSE']);
  });
});

test('a channel runs one program: a second start is a bug of ours', () => {
  const carrier = { writable: true, send: () => true };
  const open = { senderChannel: 0, initialWindowSize: 0, maximumPacketSize: 256 };
  const channel = new Channel(carrier, new ReceiveWindows(), 0, open);
  channel.refuse('no');
  expect(channel.idle).toBe(false);
  expect(() => {
    channel.refuse('no');
  }).toThrow('a channel runs one program');
});
