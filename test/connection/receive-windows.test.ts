import { describe, expect, test } from '@jest/globals';
import { Channel } from '../../src/connection/channel.ts';
import { MAX_FIRST_WINDOW_BYTES, MAX_WINDOW_BYTES, MIN_WINDOW_BYTES } from '../../src/connection/limits.ts';
import { MAX_GRANTED_FACTOR, ReceiveWindows } from '../../src/connection/receive-windows.ts';
import { CROWDED_WRITE_BYTES, MAX_PACKET_BYTES, UNFINISHED_PACKET_BYTES } from '../../src/sftp/limits.ts';

const MIB = 1024 ** 2;

/** What every peer sends: gigabytes in all, so that the memory is the same one each time. */
const MESSAGE = Buffer.alloc(32_768);

/** A channel whose peer knows its window: it sends what it may, in messages of 32 KiB. */
class Peer {
  readonly channel: Channel;
  window: number;
  adjustments = 0;
  #unconsumed = 0;

  constructor(windows: ReceiveWindows) {
    const carrier = {
      writable: true,
      send: (head: Buffer) => {
        // byte 93, uint32 channel, uint32 bytes
        if (head[0] === 93) {
          this.window += head.readUInt32BE(5);
          this.adjustments += 1;
        }
        return true;
      },
    };
    this.channel = new Channel(carrier, windows, 0, {
      senderChannel: 0,
      initialWindowSize: 0,
      maximumPacketSize: 32_768,
    });
    this.window = this.channel.localWindow;
    this.channel.start(() => ({
      onData: (chunk) => (this.#unconsumed += chunk.length),
      onEof: () => undefined,
      onDrain: () => undefined,
      onClose: () => undefined,
    }));
  }

  get held(): number {
    return this.#unconsumed;
  }

  fill(): void {
    for (; this.window > 0;) {
      const bytes = Math.min(32_768, this.window);
      this.window -= bytes;
      this.channel.receiveData(MESSAGE.subarray(0, bytes));
    }
  }

  consume(bytes = this.#unconsumed): void {
    this.#unconsumed -= bytes;
    this.channel.consume(bytes);
  }

  /** Sends and is served, so many times. */
  flow(rounds: number): void {
    for (let i = 0; i < rounds; i += 1) {
      this.fill();
      this.consume();
    }
  }
}

describe('receive windows', () => {
  test('of one sender the window doubles with every one that it uses, up to 8 MiB', () => {
    const peer = new Peer(new ReceiveWindows());
    expect(peer.window).toBe(MAX_FIRST_WINDOW_BYTES);
    peer.flow(1);
    expect(peer.window).toBe(2 * MAX_FIRST_WINDOW_BYTES);
    peer.flow(2);
    expect(peer.window).toBe(MAX_WINDOW_BYTES);
    // Topped up early, and not with every request.
    const before = peer.adjustments;
    peer.fill();
    while (peer.held > 0) peer.consume(Math.min(peer.held, 65_536));
    expect(peer.adjustments - before).toBeGreaterThanOrEqual(8);
    expect(peer.adjustments - before).toBeLessThanOrEqual(12);
  });

  test('the first eight are opened with 2 MiB, and however many come, first windows stay within what is shared', () => {
    const windows = new ReceiveWindows(64 * MIB);
    const first = Array.from({ length: 2_000 }, () => new Peer(windows).window);
    expect(first.slice(0, 8)).toEqual(Array(8).fill(MAX_FIRST_WINDOW_BYTES));
    expect(Math.min(...first)).toBe(MIN_WINDOW_BYTES);
    const beyondTheLeast = first.reduce((sum, bytes) => sum + bytes - MIN_WINDOW_BYTES, 0);
    expect(beyondTheLeast).toBeLessThanOrEqual(64 * MIB);
  });

  test('who sends a little keeps a small one', () => {
    const peer = new Peer(new ReceiveWindows());
    for (let i = 0; i < 1000; i += 1) {
      peer.window -= 30;
      peer.channel.receiveData(Buffer.alloc(30));
      peer.consume(30);
    }
    expect(peer.window).toBeLessThan(1.1 * MAX_FIRST_WINDOW_BYTES);
  });

  test('two hundred that nobody serves hold hardly more than their least windows', () => {
    const windows = new ReceiveWindows(4 * MIB);
    const peers = Array.from({ length: 200 }, () => new Peer(windows));
    for (const peer of peers) peer.fill();
    const held = (): number => peers.reduce((sum, peer) => sum + peer.held, 0);
    expect(held()).toBeLessThan(200 * MIN_WINDOW_BYTES + 4 * MIB);
    // And so it becomes when they are served in turn.
    for (let round = 0; round < 3; round += 1) {
      for (const peer of peers) {
        peer.consume();
        peer.fill();
      }
    }
    expect(held()).toBe(200 * MIN_WINDOW_BYTES);
  });

  test('a large window shrinks as others come, and grows again when they go or fall silent', () => {
    let now = 0;
    const windows = new ReceiveWindows(16 * MIB, () => now);
    const first = new Peer(windows);
    first.flow(10);
    expect(first.window).toBe(8 * MIB);
    const others = Array.from({ length: 15 }, () => new Peer(windows));
    for (const other of others) other.flow(10);
    first.flow(10);
    expect(first.window).toBe(MIB);
    for (const other of others.slice(0, 7)) other.channel.lost();
    now += 11_000;
    first.flow(20);
    expect(first.window).toBe(8 * MIB);
    // Silent, but with bytes that nobody has taken: it still counts.
    others[14]?.fill();
    now += 11_000;
    first.flow(20);
    expect(first.channel.windowShare).toBe(8 * MIB);
    others[13]?.fill();
    others[12]?.fill();
    now += 11_000;
    first.flow(20);
    expect(first.window).toBe(4 * MIB);
  });

  test('the least window lets a WRITE of 32 KiB come whole, whatever was consumed before', () => {
    expect(UNFINISHED_PACKET_BYTES).toBeGreaterThan(CROWDED_WRITE_BYTES + 300);
    for (let before = 0; before <= MIN_WINDOW_BYTES; before += 1000) {
      const peer = new Peer(new ReceiveWindows(1));
      const bytes = Math.min(before, peer.window);
      peer.window -= bytes;
      peer.channel.receiveData(Buffer.alloc(bytes));
      peer.consume(bytes);
      expect(peer.window).toBeGreaterThanOrEqual(4 + UNFINISHED_PACKET_BYTES);
    }
  });

  test('two hundred that were opened and left leave their shares to those that send', () => {
    let now = 0;
    const windows = new ReceiveWindows(64 * MIB, () => now);
    const idle = Array.from({ length: 200 }, () => {
      // Long enough apart that none counts as active when the next one comes.
      now += 11_000;
      return new Peer(windows);
    });
    expect(windows.grantedBytes).toBe(idle.reduce((sum, { window }) => sum + window, 0));
    expect(windows.grantedBytes).toBeLessThanOrEqual(64 * MIB + 200 * MIN_WINDOW_BYTES);
    const active = Array.from({ length: 4 }, () => new Peer(windows));
    for (let round = 0; round < 10; round += 1) {
      for (const peer of active) peer.flow(1);
    }
    expect(active.map(({ window }) => window)).toEqual([8, 8, 8, 8].map((mib) => mib * MIB));
  });

  test('two hundred that were silent after a large transfer cannot all send at once what they may', () => {
    let now = 0;
    const windows = new ReceiveWindows(64 * MIB, () => now);
    const most = MAX_GRANTED_FACTOR * 64 * MIB + 200 * MIN_WINDOW_BYTES;
    const peers: Peer[] = [];
    for (let i = 0; i < 200; i += 1) {
      now += 11_000;
      const peer = new Peer(windows);
      peer.flow(20);
      peers.push(peer);
      expect(windows.grantedBytes).toBeLessThanOrEqual(most);
    }
    // The first seventeen have all that one can have; the others what is left, in ever smaller parts.
    expect(peers.map(({ window }) => window).filter((window) => window === 8 * MIB)).toHaveLength(17);
    expect(peers[36]?.window).toBeGreaterThan(2 * MIB);
    expect(peers[55]?.window).toBeGreaterThan(MIB);
    expect(peers.every(({ window }) => window >= MIN_WINDOW_BYTES)).toBe(true);
    for (const peer of peers) peer.fill();
    const held = peers.reduce((sum, peer) => sum + peer.held, 0);
    expect(held).toBeLessThanOrEqual(most);
    expect(windows.grantedBytes).toBe(held);
    // Those that are served have smaller ones then, and others find room.
    for (const peer of peers) peer.consume();
    now += 11_000;
    const [last] = peers.slice(-1);
    last?.flow(20);
    expect(last?.window).toBe(8 * MIB);
  });

  test('what was granted is settled when a channel ends, whatever it holds', () => {
    const windows = new ReceiveWindows(64 * MIB);
    const peers = Array.from({ length: 3 }, () => new Peer(windows));
    peers[0]?.flow(5);
    peers[1]?.fill();
    for (const peer of peers) peer.channel.lost();
    expect(windows.grantedBytes).toBe(0);
    // A request that was under way is done afterwards.
    peers[1]?.consume();
    peers[1]?.channel.receiveClose();
    expect(windows.grantedBytes).toBe(0);
  });

  test('a packet longer than the least window comes whole, counts, and holds back what is behind it', () => {
    const windows = new ReceiveWindows(1);
    const peer = new Peer(windows);
    const packet = 4 + MAX_PACKET_BYTES;
    let come = 0;
    while (come < packet) {
      const bytes = Math.min(peer.window, packet - come);
      expect(bytes).toBeGreaterThan(0);
      peer.window -= bytes;
      peer.channel.receiveData(Buffer.alloc(bytes));
      come += bytes;
      peer.channel.unfinished(come < packet ? come : 0);
    }
    expect(peer.window).toBeLessThanOrEqual(MIN_WINDOW_BYTES);
    expect(windows.grantedBytes).toBe(packet + peer.window);
    // The next one: as far as was granted already.
    const rest = peer.window;
    peer.window = 0;
    peer.channel.receiveData(Buffer.alloc(rest));
    peer.channel.unfinished(rest);
    expect(peer.window).toBe(0);
    peer.channel.consume(packet);
    expect(peer.window).toBe(MIN_WINDOW_BYTES);
    expect(windows.grantedBytes).toBe(rest + MIN_WINDOW_BYTES);
  });
});
