// What a peer may open and ask for, and what it is told (RFC 4254 §4, §5.1, §6.5): no server, no transport.
import { describe, expect, test } from '@jest/globals';
import { MAX_CHANNEL_REQUESTS, MAX_DATA_BYTES, MAX_FIRST_WINDOW_BYTES } from '../../src/connection/limits.ts';
import * as messages from '../../src/connection/messages.ts';
import { DISCONNECT_REASON } from '../../src/transport/disconnect.ts';
import { WireError } from '../../src/wire/wire-error.ts';
import { FakePeer } from './fake-peer.ts';

const { OPEN_FAILURE } = messages;

function failureOf(peer: FakePeer): messages.ChannelOpenFailure {
  const [answer = Buffer.alloc(0), ...more] = peer.take();
  expect(more).toEqual([]);
  expect(answer[0]).toBe(messages.SSH_MSG_CONNECTION.CHANNEL_OPEN_FAILURE);
  return messages.decodeChannelOpenFailure(answer);
}

describe('opening a channel', () => {
  test("is confirmed with the peer's number, ours, our window and our largest message", () => {
    const peer = new FakePeer();
    for (const senderChannel of [7, 0xffff_ffff]) peer.ask({ senderChannel });
    expect(peer.take().map(messages.decodeChannelOpenConfirmation)).toEqual(
      [7, 0xffff_ffff].map((recipientChannel, senderChannel) => ({
        recipientChannel,
        senderChannel,
        initialWindowSize: MAX_FIRST_WINDOW_BYTES,
        maximumPacketSize: MAX_DATA_BYTES,
      })),
    );
  });

  test.each(['direct-tcpip', 'forwarded-tcpip', 'x11', 'Session', ''])('of the type "%s" is refused', (type) => {
    const peer = new FakePeer();
    peer.ask({ type, senderChannel: 9 });
    expect(failureOf(peer)).toMatchObject({
      recipientChannel: 9,
      reasonCode: OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED,
    });
    expect(peer.refused).toEqual([`channel ${type}: only session channels are allowed`]);
  });

  test('with packets under 256 bytes is refused', () => {
    const peer = new FakePeer();
    for (const maximumPacketSize of [0, 1, 255]) {
      peer.ask({ maximumPacketSize });
      expect(failureOf(peer).reasonCode).toBe(OPEN_FAILURE.CONNECT_FAILED);
    }
    expect(peer.open({ maximumPacketSize: 256 })).toBe(0);
  });

  test('is refused when there are too many, until one is closed; its number is not given again', () => {
    const peer = new FakePeer({ maxChannels: 2 });
    const first = peer.open();
    const second = peer.open();
    peer.ask();
    expect(failureOf(peer).reasonCode).toBe(OPEN_FAILURE.RESOURCE_SHORTAGE);
    peer.close(first);
    expect(peer.takeNames()).toEqual(['CHANNEL_CLOSE']);
    expect([first, second, peer.open()]).toEqual([0, 1, 2]);
    peer.ask();
    expect(failureOf(peer).reasonCode).toBe(OPEN_FAILURE.RESOURCE_SHORTAGE);
  });

  test('one that we have closed counts until the peer has closed it, too', () => {
    const peer = new FakePeer({ maxChannels: 1 });
    const { channel, program } = peer.run();
    program.channel.close(0);
    peer.take();
    peer.ask();
    expect(failureOf(peer).reasonCode).toBe(OPEN_FAILURE.RESOURCE_SHORTAGE);
    peer.close(channel);
    expect(peer.open()).toBe(1);
  });

  test('is refused after no-more-sessions@openssh.com; what is open lives on', () => {
    const peer = new FakePeer();
    const channel = peer.open();
    peer.global('no-more-sessions@openssh.com', { wantReply: false });
    peer.ask();
    expect(failureOf(peer).reasonCode).toBe(OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED);
    peer.start(channel);
  });

  test('is refused after refuseNew', () => {
    const peer = new FakePeer();
    peer.connection.refuseNew();
    peer.ask();
    expect(failureOf(peer).reasonCode).toBe(OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED);
  });

  test('with a message that ends early is an error of the wire', () => {
    const peer = new FakePeer();
    expect(() => {
      peer.receive(Buffer.from('5a00000007', 'hex'));
    }).toThrow(WireError);
  });
});

describe('requests of a channel', () => {
  test('a subsystem that there is, and a second one on the same channel', () => {
    const peer = new FakePeer();
    const { channel } = peer.run();
    peer.request(channel, 'subsystem', messages.encodeSubsystemData('sftp'));
    expect(peer.takeNames()).toEqual(['CHANNEL_FAILURE']);
    expect(peer.programs).toHaveLength(1);
  });

  test('a subsystem that there is not; the channel waits for another', () => {
    const peer = new FakePeer();
    const channel = peer.open();
    peer.request(channel, 'subsystem', messages.encodeSubsystemData('netconf'));
    expect(peer.takeNames()).toEqual(['CHANNEL_FAILURE']);
    expect(peer.refused).toEqual(['subsystem netconf']);
    peer.start(channel);
  });

  test('what a program says at its start comes behind the answer', () => {
    const peer = new FakePeer({ onStart: ({ channel }) => channel.write([Buffer.from('hello')]) });
    peer.request(peer.open(), 'subsystem', messages.encodeSubsystemData('sftp'));
    expect(peer.takeNames()).toEqual(['CHANNEL_SUCCESS', 'CHANNEL_DATA']);
  });

  test.each<[string, Buffer, string]>([
    ['shell', Buffer.alloc(0), 'shell'],
    ['exec', messages.encodeExecData('scp -t /x'), 'exec scp -t /x'],
  ])('%s: a word on stderr, exit status 1, EOF, CLOSE', (type, data, refused) => {
    const peer = new FakePeer();
    const channel = peer.open();
    peer.request(channel, type, data);
    const answers = peer.take();
    expect(answers.map(([number]) => number)).toEqual([99, 95, 98, 96, 97]);
    const word = messages.decodeChannelExtendedData(answers[1] ?? Buffer.alloc(0));
    expect(word).toMatchObject({ recipientChannel: 7, dataTypeCode: messages.EXTENDED_DATA_STDERR });
    expect(word.data.toString()).toContain('SFTP connections only');
    const status = messages.decodeChannelRequest(answers[2] ?? Buffer.alloc(0));
    expect(status).toMatchObject({ type: 'exit-status', wantReply: false });
    expect(messages.decodeExitStatusData(status.data)).toBe(1);
    expect(peer.refused).toEqual([refused]);
    // The channel is spent.
    for (const again of ['exec', 'shell']) peer.request(channel, again, data);
    peer.request(channel, 'subsystem', messages.encodeSubsystemData('sftp'));
    expect(peer.takeNames()).toEqual(Array(3).fill('CHANNEL_FAILURE'));
    peer.close(channel);
    expect(peer.takeNames()).toEqual([]);
  });

  test('the word is cut where the window is short, and left out where there is none', () => {
    const peer = new FakePeer();
    peer.request(peer.open({ initialWindowSize: 4 }), 'shell');
    const [, word = Buffer.alloc(0)] = peer.take();
    expect(messages.decodeChannelExtendedData(word).data.toString()).toBe('This');
    peer.request(peer.open({ initialWindowSize: 0 }), 'shell');
    expect(peer.takeNames()).toEqual(['CHANNEL_SUCCESS', 'CHANNEL_REQUEST', 'CHANNEL_EOF', 'CHANNEL_CLOSE']);
  });

  test.each(['env', 'pty-req', 'x11-req', 'auth-agent-req@openssh.com', 'window-change', 'nonsense'])(
    '%s fails, and the channel lives on',
    (type) => {
      const peer = new FakePeer();
      const channel = peer.open();
      peer.request(channel, type, Buffer.from('whatever'));
      expect(peer.takeNames()).toEqual(['CHANNEL_FAILURE']);
      peer.start(channel);
    },
  );

  test('no answer where none is wanted', () => {
    const peer = new FakePeer();
    const channel = peer.open();
    const quietly = { wantReply: false };
    peer.request(channel, 'env', Buffer.alloc(0), quietly);
    peer.request(channel, 'subsystem', messages.encodeSubsystemData('netconf'), quietly);
    peer.request(channel, 'subsystem', messages.encodeSubsystemData('sftp'), quietly);
    expect(peer.takeNames()).toEqual([]);
    expect(peer.programs).toHaveLength(1);
  });

  test('are bounded in number, each channel for itself', () => {
    const peer = new FakePeer();
    const channel = peer.open();
    for (let i = 0; i < MAX_CHANNEL_REQUESTS; i += 1) peer.request(channel, 'env');
    expect(() => {
      peer.request(channel, 'env');
    }).toThrow(expect.objectContaining({ reason: DISCONNECT_REASON.PROTOCOL_ERROR }));
    peer.take();
    peer.run();
  });
});

describe('messages for a channel', () => {
  const kinds: [string, (peer: FakePeer, channel: number) => void][] = [
    ['data', (peer, channel) => peer.data(channel, Buffer.from('x'))],
    ['extended data', (peer, channel) => peer.extendedData(channel, Buffer.from('x'))],
    ['a window', (peer, channel) => peer.adjust(channel, 1)],
    ['a request', (peer, channel) => peer.request(channel, 'shell')],
    ['EOF', (peer, channel) => peer.eof(channel)],
    ['CLOSE', (peer, channel) => peer.close(channel)],
  ];

  test.each(kinds)('%s: for one that was never open it is an error', (_what, send) => {
    const peer = new FakePeer();
    peer.open();
    expect(() => send(peer, 1)).toThrow(
      expect.objectContaining({
        reason: DISCONNECT_REASON.PROTOCOL_ERROR,
        message: 'message for a channel that was never open',
      }),
    );
  });

  test.each(kinds)('%s: for one that is closed it may still have been on its way', (_what, send) => {
    const peer = new FakePeer();
    const channel = peer.open();
    peer.close(channel);
    peer.take();
    send(peer, channel);
    expect(peer.takeNames()).toEqual([]);
    expect(peer.refused).toEqual([]);
  });

  test('answers to requests that we never made mean nothing', () => {
    const peer = new FakePeer();
    for (const number of [99, 100] as const) peer.receive(messages.encodeChannelMessage(number, 5));
    expect(peer.takeNames()).toEqual([]);
  });

  test('unknown ones are said to be unknown', () => {
    const peer = new FakePeer();
    for (const number of [83, 89, 101, 127]) peer.receive(Buffer.from([number]));
    expect(peer.unimplemented).toBe(4);
  });
});

describe('global requests', () => {
  test('fail, which is an answer; forwarding is told to the operator', () => {
    const peer = new FakePeer();
    for (const name of ['tcpip-forward', 'streamlocal-forward@openssh.com', 'keepalive@openssh.com']) peer.global(name);
    expect(peer.takeNames()).toEqual(Array(3).fill('REQUEST_FAILURE'));
    expect(peer.refused).toEqual(['tcpip-forward', 'streamlocal-forward@openssh.com']);
  });

  test('without a wish for an answer have none', () => {
    const peer = new FakePeer();
    peer.global('tcpip-forward', { wantReply: false });
    peer.global('keepalive@openssh.com', { wantReply: false });
    expect(peer.takeNames()).toEqual([]);
  });

  test('our keep-alives count until either answer comes', () => {
    const peer = new FakePeer();
    for (const answer of [81, 82]) {
      peer.connection.sendKeepalive();
      peer.connection.sendKeepalive();
      expect(peer.take().map(messages.decodeGlobalRequest)).toEqual(
        Array(2).fill({ name: 'keepalive@openssh.com', wantReply: true, data: Buffer.alloc(0) }),
      );
      expect(peer.connection.unansweredKeepalives).toBe(2);
      peer.receive(Buffer.from([answer]));
      expect(peer.connection.unansweredKeepalives).toBe(0);
    }
  });
});

describe('a connection', () => {
  test('is finished when it had channels and our side of each is at its end', () => {
    const peer = new FakePeer();
    expect(peer.connection.finished).toBe(false);
    const { program } = peer.run();
    const { channel } = peer.run();
    expect(peer.connection.finished).toBe(false);
    program.channel.close(0);
    expect(peer.connection.finished).toBe(false);
    peer.close(channel);
    expect(peer.connection.finished).toBe(true);
  });

  test('that is lost tells every program once, and sends nothing', () => {
    const peer = new FakePeer();
    const { program: one } = peer.run();
    const { program: other } = peer.run();
    peer.open();
    other.channel.close(0);
    peer.take();
    peer.connection.lost();
    peer.connection.lost();
    expect([one.told, other.told]).toEqual([['close'], ['close']]);
    expect(one.channel.write([Buffer.from('x')])).toBe(false);
    one.channel.consume(1);
    one.channel.unfinished(1);
    one.channel.writeStderr('x');
    one.channel.close(0);
    peer.connection.drained();
    expect(peer.takeNames()).toEqual([]);
  });

  test('that is lost while a program starts tells it', () => {
    const peer: FakePeer = new FakePeer({
      onStart: () => {
        peer.connection.lost();
      },
    });
    peer.run();
    expect(peer.programs[0]?.told).toEqual(['close']);
  });
});
