import type { Duplex } from 'node:stream';
import { noneOpener, noneSealer } from '../crypto/cipher/cipher-constructors.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import { asDisconnect } from './as-disconnect.ts';
import { DISCONNECT_REASON, printable, SshDisconnect } from './disconnect.ts';
import { encodeExtInfo } from './ext-info.ts';
import type { ExchangeResult } from './key-exchange.ts';
import { EXT_INFO_CLIENT, STRICT_KEX_CLIENT, STRICT_KEX_SERVER } from './kexinit.ts';
import {
  HOLD_INPUT_BYTES,
  HOLD_INPUT_BYTES_BEFORE_AUTH,
  KEX_TIMEOUT_SECONDS,
  MAX_PACKET_BYTES,
  MAX_PACKET_BYTES_BEFORE_AUTH,
  MAX_PACKETS_PER_KEY,
  MAX_QUEUED_DURING_KEX_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  REKEYS_PER_MINUTE,
  SEND_HIGH_WATER_BYTES,
} from './limits.ts';
import { SSH_MSG } from './messages.ts';
import { PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';
import { RekeyAllowance } from './rekey-allowance.ts';
import { RunningExchange, unexpectedMessage } from './running-exchange.ts';
import { SocketOutput } from './socket-output.ts';
import type { TransportHandler, TransportOptions } from './transport-options.ts';
import { VersionReader } from './version-exchange.ts';

export type { TransportAlgorithms } from './kexinit.ts';
export type { KeyExchangeInfo } from './running-exchange.ts';
export type { RekeyLimits, TransportHandler, TransportOptions } from './transport-options.ts';

/** The transport layer of one connection, in either role (RFC 4253). */
export class Transport {
  readonly #socket: Duplex;
  readonly #options: TransportOptions;
  readonly #handler: TransportHandler;
  readonly #versionReader: VersionReader;
  readonly #output: SocketOutput;
  readonly #reader = new PacketReader(noneOpener(), MAX_PACKET_BYTES_BEFORE_AUTH);
  readonly #writer = new PacketWriter(noneSealer());
  #peerVersion: string | null = null;
  #kex: RunningExchange | null = null;
  #kexCount = 0;
  #kexTimer: NodeJS.Timeout | null = null;
  #rekeyTimer: NodeJS.Timeout | null = null;
  readonly #rekeyAllowance: RekeyAllowance;
  /** The time for new keys came before the peer's login did. */
  #rekeyDue = false;
  #sessionId: Buffer | null = null;
  #strict = false;
  #peerWantsExtInfo = false;
  /** A key exchange step is being computed: packets wait. */
  #busy = false;
  #paused = false;
  /** The peer has not read our answers: its next requests wait. */
  #waitsForOutput = false;
  #authenticated = false;
  #closed = false;
  #queued: { head: Buffer; body: readonly Buffer[] }[] = [];
  #queuedBytes = 0;
  bytesReceived = 0;

  constructor(socket: Duplex, options: TransportOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#handler = options.handler;
    this.#rekeyAllowance = new RekeyAllowance(options.rekey.perMinute ?? REKEYS_PER_MINUTE.default);
    this.#output = new SocketOutput(socket, () => {
      this.#maybeDrain();
      this.#releaseInput();
    });
    this.#versionReader = new VersionReader(options.role === 'server' ? 'client' : 'server');
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('error', (error: Error) => {
      this.#finish(new SshDisconnect(DISCONNECT_REASON.CONNECTION_LOST, 'connection lost', { cause: error }));
    });
    socket.on('end', () => {
      this.#finish(new SshDisconnect(DISCONNECT_REASON.CONNECTION_LOST, 'connection closed by peer', { byPeer: true }));
    });
    socket.on('close', () => {
      this.#finish(new SshDisconnect(DISCONNECT_REASON.CONNECTION_LOST, 'connection lost'));
    });
    this.#output.write([Buffer.from(`${options.version}\r\n`, 'latin1')]);
    this.#startKex();
  }

  /** H of the first key exchange (RFC 4253 §7.2). Throws before there is one. */
  get sessionId(): Buffer {
    if (this.#sessionId === null) throw new Error('no key exchange yet');
    return this.#sessionId;
  }

  get peerVersion(): string | null {
    return this.#peerVersion;
  }

  get bytesSent(): number {
    return this.#output.bytesSent;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True while `send` would not be asked to wait. */
  get writable(): boolean {
    const exchanging = this.#kex !== null && !this.#kex.newKeysSent;
    return !this.#closed && !exchanging && this.#output.pendingBytes < SEND_HIGH_WATER_BYTES;
  }

  /** From here on the peer may do what costs us more: send larger packets, have more answers waiting, begin rekeys. */
  peerAuthenticated(): void {
    this.#authenticated = true;
    this.#reader.maxPacketBytes = MAX_PACKET_BYTES;
    if (this.#rekeyDue) this.rekey();
  }

  /**
   * Sends one message: `head`, then `body`, as one payload. Given up by the caller; `body` is not copied when large.
   * During a key exchange it waits its turn. False means: rather no more until `onDrain`.
   */
  send(head: Buffer, body: readonly Buffer[] = []): boolean {
    if (this.#closed) return false;
    if (this.#kex !== null && !this.#kex.newKeysSent) {
      this.#queued.push({ head, body });
      this.#queuedBytes += head.length + MESSAGE_OVERHEAD_BYTES;
      for (const part of body) this.#queuedBytes += part.length;
      if (this.#queuedBytes > MAX_QUEUED_DURING_KEX_BYTES) {
        this.disconnect(new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'key exchange takes too long'));
      }
      return false;
    }
    this.#sendNow(head, body);
    this.#maybeRekey();
    return this.writable;
  }

  /** Answers the message last received: we do not know it (RFC 4253 §11.4). */
  sendUnimplemented(): void {
    this.send(new SshWriter(8).byte(SSH_MSG.UNIMPLEMENTED).uint32(this.#reader.lastSequenceNumber).finish());
  }

  /** Begins a new key exchange unless one is running. */
  rekey(): void {
    if (this.#kex === null && !this.#closed) this.#startKex();
  }

  /** Stops reading from the network until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#process();
    if (!this.#isHeld()) this.#socket.resume();
  }

  /** Says why, ends the connection, and tells the handler. */
  disconnect(reason: SshDisconnect): void {
    if (this.#closed) return;
    const payload = new SshWriter(256)
      .byte(SSH_MSG.DISCONNECT)
      .uint32(reason.reason)
      .string(printable(Buffer.from(reason.message)))
      .string('')
      .finish();
    this.#sendNow(payload, []);
    this.#output.flush();
    this.#socket.end();
    this.#finish(reason);
  }

  #receive(chunk: Buffer): void {
    if (this.#closed) return;
    this.bytesReceived += chunk.length;
    if (this.#peerVersion === null) {
      this.#guard(() => {
        const read = this.#versionReader.push(chunk);
        if (read === null) return;
        this.#peerVersion = read.version;
        this.#reader.push(read.rest);
      });
    } else {
      this.#reader.push(chunk);
    }
    this.#process();
  }

  #process(): void {
    if (this.#peerVersion === null) return;
    this.#guard(() => {
      while (!this.#isHeld() && !this.#closed) {
        if (this.#unsentCost > this.#holdInputBytes()) {
          this.#waitsForOutput = true;
          this.#socket.pause();
          break;
        }
        const payload = this.#reader.next();
        if (payload === null) break;
        this.#dispatch(payload);
      }
      this.#maybeRekey();
    });
  }

  /** Runs `work`; what it throws ends the connection in the way that its type asks for. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.disconnect(asDisconnect(error));
    }
  }

  #dispatch(payload: Buffer): void {
    const message = payload[0] ?? 0;
    const kex = this.#kex;
    const peerIsExchanging = kex?.peerHasBegun === true;
    if (message >= SSH_MSG.KEX_FIRST && message <= SSH_MSG.KEX_LAST) return this.#kexMessage(payload);
    switch (message) {
      case SSH_MSG.DISCONNECT: {
        const reader = new SshReader(payload, 1);
        const reason = reader.uint32();
        const text = printable(reader.string());
        this.#socket.end();
        return this.#finish(new SshDisconnect(reason, text, { byPeer: true }));
      }
      case SSH_MSG.KEXINIT:
        return this.#peerKexInit(payload);
      case SSH_MSG.NEWKEYS:
        return this.#peerNewKeys();
      default:
    }
    if (this.#kexCount === 0 && this.#strict) throw unexpectedMessage(message);
    switch (message) {
      case SSH_MSG.IGNORE:
      case SSH_MSG.DEBUG:
      case SSH_MSG.UNIMPLEMENTED:
        return;
      case SSH_MSG.PING:
        if (this.#kexCount === 0 || peerIsExchanging) throw unexpectedMessage(message);
        this.send(new SshWriter(64).byte(SSH_MSG.PONG).string(new SshReader(payload, 1).string()).finish());
        return;
      default:
    }
    if (this.#kexCount === 0 || peerIsExchanging) throw unexpectedMessage(message);
    if (message >= SSH_MSG.SERVICE_FIRST || (message >= SSH_MSG.SERVICE_REQUEST && message <= SSH_MSG.EXT_INFO)) {
      this.#handler.onMessage(message, payload);
    } else {
      this.sendUnimplemented();
    }
  }

  // --- key exchange -------------------------------------------------------------------------------------------------

  #startKex(): void {
    const first = this.#kexCount === 0;
    const kex = new RunningExchange(this.#options, first);
    this.#sendNow(kex.payload, []);
    this.#kex = kex;
    this.#stopTimers();
    // The first exchange is under the server's login deadline.
    if (!first) {
      this.#kexTimer = setTimeout(() => {
        this.disconnect(new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'key exchange takes too long'));
      }, KEX_TIMEOUT_SECONDS * 1000).unref();
    }
  }

  #peerKexInit(payload: Buffer): void {
    if (this.#kex === null && this.#options.role === 'server') {
      // Each exchange costs us a signature: a stranger gets one for each connection, which the listener counts.
      if (!this.#authenticated) throw unexpectedMessage(SSH_MSG.KEXINIT);
      const wait = this.#rekeyAllowance.take();
      if (wait > 0) {
        this.#answerKexInitLater(Buffer.from(payload), wait);
        return;
      }
    }
    this.#answerKexInit(payload);
  }

  /** Until then nothing more is read: what is under way to the peer goes on. */
  #answerKexInitLater(payload: Buffer, seconds: number): void {
    this.#busy = true;
    this.#socket.pause();
    setTimeout(() => {
      this.#busy = false;
      if (this.#closed) return;
      this.#guard(() => {
        this.#answerKexInit(payload);
      });
      this.#process();
      if (!this.#isHeld()) this.#socket.resume();
    }, seconds * 1000).unref();
  }

  #answerKexInit(payload: Buffer): void {
    if (this.#kex === null) this.#startKex();
    const kex = this.#kex;
    if (kex === null) throw unexpectedMessage(SSH_MSG.KEXINIT);
    const init = kex.receiveInit(payload, this.#peerVersion ?? '');
    const server = this.#options.role === 'server';
    if (this.#kexCount === 0) {
      this.#strict = init.kex.includes(server ? STRICT_KEX_CLIENT : STRICT_KEX_SERVER);
      this.#peerWantsExtInfo = server && init.kex.includes(EXT_INFO_CLIENT);
      if (this.#strict && this.#reader.sequenceNumber !== 1) {
        throw new SshDisconnect(
          DISCONNECT_REASON.PROTOCOL_ERROR,
          'strict key exchange: KEXINIT was not the first packet',
        );
      }
    }
    const start = kex.agree();
    if (start !== null) this.#sendNow(start, []);
  }

  #kexMessage(payload: Buffer): void {
    const kex = this.#kex;
    if (kex === null) throw unexpectedMessage(payload[0] ?? 0);
    const received = kex.receive(payload);
    if (received === null) return;
    this.#busy = true;
    this.#socket.pause();
    received.then(
      (step) => {
        this.#busy = false;
        if (this.#closed) {
          step.result?.sharedSecret.fill(0);
          return;
        }
        this.#guard(() => {
          for (const message of step.send) this.#sendNow(message, []);
          if (step.result !== null) this.#sendNewKeys(kex, step.result);
        });
        this.#process();
        if (!this.#isHeld()) this.#socket.resume();
      },
      (error: unknown) => {
        this.#busy = false;
        this.disconnect(asDisconnect(error));
      },
    );
  }

  /** Whether packets wait. (A method, since a call in between may have changed it.) */
  #isHeld(): boolean {
    return this.#busy || this.#paused || this.#waitsForOutput;
  }

  #sendNewKeys(kex: RunningExchange, result: ExchangeResult): void {
    kex.finish(result);
    this.#sessionId ??= result.exchangeHash;
    this.#sendNow(Buffer.from([SSH_MSG.NEWKEYS]), []);
    this.#writer.useSealer(kex.sealer(this.sessionId), this.#strict);
    kex.newKeysSent = true;
    if (this.#kexCount === 0 && this.#peerWantsExtInfo && this.#options.role === 'server') {
      this.#sendNow(
        encodeExtInfo(
          new Map([
            ['server-sig-algs', this.#options.userKeyAlgorithms.join(',')],
            ['ping@openssh.com', '0'],
          ]),
        ),
        [],
      );
    }
    // What waited leaves before anything that is sent from here on.
    const queued = this.#queued;
    this.#queued = [];
    this.#queuedBytes = 0;
    for (const { head, body } of queued) this.#sendNow(head, body);
    this.#maybeDrain();
  }

  #peerNewKeys(): void {
    const kex = this.#kex;
    if (kex?.isComplete !== true) throw unexpectedMessage(SSH_MSG.NEWKEYS);
    this.#reader.useOpener(kex.opener(this.sessionId), this.#strict);
    this.#kex = null;
    this.#kexCount += 1;
    const info = kex.end(this.#kexCount, this.#strict);
    this.#stopTimers();
    this.#rekeyTimer = setTimeout(() => {
      if (this.#mayBeginRekey) this.rekey();
      else this.#rekeyDue = true;
    }, this.#options.rekey.seconds * 1000).unref();
    this.#handler.onKeyExchange(info);
  }

  #maybeRekey(): void {
    if (this.#kex !== null || this.#closed) return;
    const { bytes } = this.#options.rekey;
    const { bytesSinceRekey: sent, packetsSinceRekey: sentPackets } = this.#writer;
    const { bytesSinceRekey: received, packetsSinceRekey: receivedPackets } = this.#reader;
    const isDue = this.#mayBeginRekey && Math.max(sent, received) >= bytes;
    if (isDue || Math.max(sentPackets, receivedPackets) >= MAX_PACKETS_PER_KEY) this.rekey();
  }

  /** A stranger's bytes must not make us compute, nor hold our answers back while it takes its time. */
  get #mayBeginRekey(): boolean {
    return this.#options.role === 'client' || this.#authenticated;
  }

  #stopTimers(): void {
    if (this.#kexTimer !== null) clearTimeout(this.#kexTimer);
    if (this.#rekeyTimer !== null) clearTimeout(this.#rekeyTimer);
  }

  // --- sending ------------------------------------------------------------------------------------------------------

  #sendNow(head: Buffer, body: readonly Buffer[]): void {
    this.#output.write(this.#writer.seal(head, body));
  }

  #maybeDrain(): void {
    if (!this.writable) return;
    this.#guard(() => {
      this.#handler.onDrain();
    });
  }

  /** What we hold in memory for the peer, on its way or waiting for the end of a key exchange. */
  get #unsentCost(): number {
    return this.#output.pendingCost + this.#queuedBytes;
  }

  /** Two sides that both hold back would wait for each other: it is for the server to do. */
  #holdInputBytes(): number {
    if (this.#options.role === 'client') return Number.POSITIVE_INFINITY;
    return this.#authenticated ? HOLD_INPUT_BYTES : HOLD_INPUT_BYTES_BEFORE_AUTH;
  }

  #releaseInput(): void {
    if (!this.#waitsForOutput || this.#unsentCost > HOLD_INPUT_BYTES_BEFORE_AUTH / 2) return;
    this.#waitsForOutput = false;
    this.#process();
    if (!this.#isHeld()) this.#socket.resume();
  }

  #finish(reason: SshDisconnect): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimers();
    this.#kex?.dispose();
    this.#queued = [];
    this.#reader.dispose();
    this.#writer.dispose();
    if (!this.#socket.destroyed) {
      this.#socket.end();
      // A peer that does not read must not hold the socket: what is unsent after a moment is dropped.
      setTimeout(() => {
        this.#socket.destroy();
      }, 1000).unref();
      this.#socket.resume();
    }
    this.#handler.onClose(reason);
  }
}
