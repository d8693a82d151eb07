import type { Duplex } from 'node:stream';
import { noneOpener, noneSealer } from '../crypto/cipher/cipher-constructors.ts';
import { asDisconnect } from './as-disconnect.ts';
import { DISCONNECT_REASON, printable, SshDisconnect, unexpectedMessage } from './disconnect.ts';
import {
  HOLD_INPUT_BYTES,
  HOLD_INPUT_BYTES_BEFORE_AUTH,
  MAX_PACKET_BYTES,
  MAX_PACKET_BYTES_BEFORE_AUTH,
  SEND_HIGH_WATER_BYTES,
} from './limits.ts';
import {
  decodeDisconnect,
  decodePing,
  encodeDisconnect,
  encodePong,
  encodeUnimplemented,
  SSH_MSG,
} from './messages.ts';
import { PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';
import { SessionKeys } from './session-keys.ts';
import { SocketOutput } from './socket-output.ts';
import type { TransportHandler, TransportOptions } from './transport-options.ts';
import { VersionReader } from './version-exchange.ts';

export type { KeyExchangeInfo } from './running-exchange.ts';
export type { Insistence, RekeyLimits, TransportHandler, TransportOptions } from './transport-options.ts';

/** Where a connection stands. `version`: the peer's identification has not come. */
type Phase =
  | { readonly name: 'version'; readonly reader: VersionReader }
  | { readonly name: 'packets'; readonly peerVersion: string }
  | { readonly name: 'closed'; readonly peerVersion: string | null };

/**
 * Whether packets are handled. `waits-for-keys`: a step of a key exchange is being computed, or is to come later.
 * `waits-for-output`: the peer has not read our answers, so its next requests wait.
 */
type Input = 'reads' | 'waits-for-keys' | 'waits-for-output';

/** The transport layer of one connection, in either role (RFC 4253). */
export class Transport {
  readonly #socket: Duplex;
  readonly #handler: TransportHandler;
  readonly #output: SocketOutput;
  readonly #reader = new PacketReader(noneOpener(), MAX_PACKET_BYTES_BEFORE_AUTH);
  readonly #writer = new PacketWriter(noneSealer());
  readonly #keys: SessionKeys;
  readonly #role: TransportOptions['role'];
  #phase: Phase;
  #input: Input = 'reads';
  /** Above so much that we hold for the peer nothing more is read from it. */
  #holdInputBytes: number;
  #bytesReceived = 0;

  constructor(socket: Duplex, options: TransportOptions) {
    this.#socket = socket;
    this.#handler = options.handler;
    this.#role = options.role;
    // Two sides that both hold back would wait for each other: it is for the server to do.
    this.#holdInputBytes = options.role === 'server' ? HOLD_INPUT_BYTES_BEFORE_AUTH : Number.POSITIVE_INFINITY;
    this.#phase = { name: 'version', reader: new VersionReader(options.role === 'server' ? 'client' : 'server') };
    this.#output = new SocketOutput(socket, () => {
      this.#maybeDrain();
      this.#releaseInput();
    });
    this.#keys = new SessionKeys(options, {
      reader: this.#reader,
      writer: this.#writer,
      sendNow: (head, body) => {
        this.#sendNow(head, body);
      },
      holdInput: () => {
        this.#holdInput('waits-for-keys');
      },
      readOn: () => {
        this.#readOn();
      },
      guard: (work) => {
        this.#guard(work);
      },
      disconnect: (reason) => {
        this.disconnect(reason);
      },
      drained: () => {
        this.#maybeDrain();
      },
    });
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('error', (error: Error) => {
      this.#lost('connection lost', { cause: error });
    });
    socket.on('end', () => {
      this.#lost('connection closed by peer', { byPeer: true });
    });
    socket.on('close', () => {
      this.#lost('connection lost');
    });
    this.#output.write([Buffer.from(`${options.version}\r\n`, 'latin1')]);
    this.#keys.begin();
  }

  /** H of the first key exchange (RFC 4253 §7.2). Throws before there is one. */
  get sessionId(): Buffer {
    return this.#keys.sessionId;
  }

  /** null until it has come. */
  get peerVersion(): string | null {
    return this.#phase.name === 'version' ? null : this.#phase.peerVersion;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get bytesSent(): number {
    return this.#output.bytesSent;
  }

  get closed(): boolean {
    return this.#phase.name === 'closed';
  }

  /** True while `send` would not be asked to wait. */
  get writable(): boolean {
    return !this.closed && !this.#keys.holdsMessages && this.#output.pendingBytes < SEND_HIGH_WATER_BYTES;
  }

  /** From here on the peer may do what costs us more: send larger packets, have more answers waiting, begin rekeys. */
  peerAuthenticated(): void {
    if (this.#role === 'server') this.#holdInputBytes = HOLD_INPUT_BYTES;
    this.#reader.maxPacketBytes = MAX_PACKET_BYTES;
    this.#keys.peerAuthenticated();
  }

  /**
   * Sends one message: `head`, then `body`, as one payload. Given up by the caller; `body` is not copied when large.
   * During a key exchange it waits its turn. False means: rather no more until `onDrain`.
   */
  send(head: Buffer, body: readonly Buffer[] = []): boolean {
    if (this.closed) return false;
    if (this.#keys.holdsMessages) {
      this.#keys.hold(head, body);
      return false;
    }
    this.#sendNow(head, body);
    this.#keys.beginIfDue();
    return this.writable;
  }

  /** Answers the message last received: we do not know it (RFC 4253 §11.4). */
  sendUnimplemented(): void {
    this.send(encodeUnimplemented(this.#reader.lastSequenceNumber));
  }

  /** Begins a new key exchange unless one is running. */
  rekey(): void {
    this.#keys.begin();
  }

  /** Says why, ends the connection, and tells the handler. */
  disconnect(reason: SshDisconnect): void {
    if (this.closed) return;
    this.#sendNow(encodeDisconnect(reason.reason, printable(Buffer.from(reason.message))), []);
    this.#output.flush();
    this.#socket.end();
    this.#finish(reason);
  }

  // --- receiving ----------------------------------------------------------------------------------------------------

  #receive(chunk: Buffer): void {
    const phase = this.#phase;
    switch (phase.name) {
      case 'closed':
        return;
      case 'version':
        this.#bytesReceived += chunk.length;
        this.#guard(() => {
          const read = phase.reader.push(chunk);
          if (read === null) return;
          this.#phase = { name: 'packets', peerVersion: read.version };
          this.#reader.push(read.rest);
        });
        break;
      case 'packets':
        this.#bytesReceived += chunk.length;
        this.#reader.push(chunk);
    }
    this.#process();
  }

  #process(): void {
    const phase = this.#phase;
    if (phase.name !== 'packets') return;
    this.#guard(() => {
      while (this.#handlesPackets()) {
        if (this.#unsentCost > this.#holdInputBytes) {
          this.#holdInput('waits-for-output');
          break;
        }
        const payload = this.#reader.next();
        if (payload === null) break;
        this.#dispatch(payload, phase.peerVersion);
      }
      this.#keys.beginIfDue();
    });
  }

  /** (A method, since a call in between may have changed it.) */
  #handlesPackets(): boolean {
    return this.#input === 'reads' && this.#phase.name === 'packets';
  }

  #dispatch(payload: Buffer, peerVersion: string): void {
    const message = payload[0] ?? 0;
    const keys = this.#keys;
    if (message >= SSH_MSG.KEX_FIRST && message <= SSH_MSG.KEX_LAST) return keys.receiveMethodMessage(payload);
    switch (message) {
      case SSH_MSG.DISCONNECT: {
        const { reason, text } = decodeDisconnect(payload);
        this.#socket.end();
        return this.#finish(new SshDisconnect(reason, printable(text), { byPeer: true }));
      }
      case SSH_MSG.KEXINIT:
        return keys.receiveInit(payload, peerVersion);
      case SSH_MSG.NEWKEYS:
        return keys.receiveNewKeys();
      default:
    }
    const { admits } = keys;
    if (admits === 'nothing') throw unexpectedMessage(message);
    if (message === SSH_MSG.IGNORE || message === SSH_MSG.DEBUG || message === SSH_MSG.UNIMPLEMENTED) return;
    if (admits === 'ignorable') throw unexpectedMessage(message);
    if (message === SSH_MSG.PING) {
      this.send(encodePong(decodePing(payload)));
    } else if (
      message >= SSH_MSG.SERVICE_FIRST ||
      (message >= SSH_MSG.SERVICE_REQUEST && message <= SSH_MSG.EXT_INFO)
    ) {
      this.#handler.onMessage(message, payload);
    } else {
      this.sendUnimplemented();
    }
  }

  #holdInput(until: Exclude<Input, 'reads'>): void {
    this.#input = until;
    this.#socket.pause();
  }

  #readOn(): void {
    this.#input = 'reads';
    this.#process();
    if (this.#reads()) this.#socket.resume();
  }

  #reads(): boolean {
    return this.#input === 'reads';
  }

  #releaseInput(): void {
    if (this.#input !== 'waits-for-output' || this.#unsentCost > HOLD_INPUT_BYTES_BEFORE_AUTH / 2) return;
    this.#readOn();
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
    return this.#output.pendingCost + this.#keys.waitingCost;
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  /** Runs `work`; what it throws ends the connection in the way that its type asks for. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.disconnect(asDisconnect(error));
    }
  }

  /** The socket is at its end, which after an end that was said is nothing new. */
  #lost(message: string, options: { readonly byPeer?: boolean; readonly cause?: unknown } = {}): void {
    if (!this.closed) this.#finish(new SshDisconnect(DISCONNECT_REASON.CONNECTION_LOST, message, options));
  }

  #finish(reason: SshDisconnect): void {
    if (this.closed) return;
    this.#phase = { name: 'closed', peerVersion: this.peerVersion };
    this.#keys.close();
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
