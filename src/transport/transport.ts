import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { PrivateKey, PublicKey, SignatureAlgorithm } from '../crypto/keys.ts';
import { createOpener, createSealer, isAead, noneOpener, noneSealer } from '../crypto/packet-ciphers.ts';
import { SshReader } from '../wire/reader.ts';
import { SshWriter } from '../wire/writer.ts';
import { asDisconnect } from './as-disconnect.ts';
import { deriveDirectionKeys } from './direction-keys.ts';
import { DISCONNECT_REASON, printable, SshDisconnect } from './disconnect.ts';
import { encodeExtInfo } from './ext-info.ts';
import type { ExchangeResult, HostKeyVerifier } from './key-exchange.ts';
import { ClientExchange, ServerExchange } from './key-exchange.ts';
import type { KexInit, NegotiatedAlgorithms, TransportAlgorithms } from './kexinit.ts';
import {
  decodeKexInit,
  encodeKexInit,
  EXT_INFO_CLIENT,
  guessIsRight,
  negotiate,
  ownKexInit,
  STRICT_KEX_CLIENT,
  STRICT_KEX_SERVER,
  withSignals,
} from './kexinit.ts';
import {
  HOLD_INPUT_BYTES,
  HOLD_INPUT_BYTES_BEFORE_AUTH,
  KEX_TIMEOUT_SECONDS,
  MAX_PACKET_BYTES,
  MAX_PACKET_BYTES_BEFORE_AUTH,
  MAX_PACKETS_PER_KEY,
  MAX_QUEUED_DURING_KEX_BYTES,
  MESSAGE_OVERHEAD_BYTES,
  SEND_HIGH_WATER_BYTES,
} from './limits.ts';
import { SSH_MSG } from './messages.ts';
import { PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';
import { SocketOutput } from './socket-output.ts';
import { VersionReader } from './version-exchange.ts';

export interface RekeyLimits {
  /** Bytes in one direction. */
  readonly bytes: number;
  readonly seconds: number;
}

export type { TransportAlgorithms } from './kexinit.ts';

interface CommonOptions {
  /** The identification string, `SSH-2.0-` included. */
  readonly version: string;
  readonly algorithms: TransportAlgorithms;
  readonly rekey: RekeyLimits;
  readonly handler: TransportHandler;
}

export interface ServerTransportOptions extends CommonOptions {
  readonly role: 'server';
  readonly hostKeys: readonly PrivateKey[];
  /** For `server-sig-algs` (RFC 8308 §3.1). */
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
}

export interface ClientTransportOptions extends CommonOptions {
  readonly role: 'client';
  readonly verifyHostKey: HostKeyVerifier;
}

export type TransportOptions = ServerTransportOptions | ClientTransportOptions;

/** What one key exchange came to. */
export interface KeyExchangeInfo {
  /** 1 for the first, then counting rekeys. */
  readonly number: number;
  readonly negotiated: NegotiatedAlgorithms;
  readonly client: KexInit;
  readonly server: KexInit;
  readonly clientVersion: string;
  readonly serverVersion: string;
  readonly strict: boolean;
  readonly hostKey: PublicKey;
  readonly publicBytes: { readonly client: number; readonly server: number };
  readonly milliseconds: number;
}

/** Called by the transport. What `onMessage` throws ends the connection. */
export interface TransportHandler {
  onKeyExchange(info: KeyExchangeInfo): void;
  /** Service requests, EXT_INFO and all messages from 50 up. The payload is a view that the handler may keep. */
  onMessage(message: number, payload: Buffer): void;
  /** `writable` is true: called whenever it may have been false before, so also without need. */
  onDrain(): void;
  /** Once, when the connection is over for whatever reason. */
  onClose(reason: SshDisconnect): void;
}

interface RunningExchange {
  readonly startedAt: number;
  readonly ours: { readonly init: KexInit; readonly payload: Buffer };
  peer: { readonly init: KexInit; readonly payload: Buffer } | null;
  negotiated: NegotiatedAlgorithms | null;
  exchange: ServerExchange | ClientExchange | null;
  ignoreGuess: boolean;
  result: ExchangeResult | null;
  newKeysSent: boolean;
}

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
        if (this.#output.pendingCost > this.#holdInputBytes()) {
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
    const peerIsExchanging = kex !== null && kex.peer !== null;
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
    if (this.#kexCount === 0 && this.#strict) throw unexpectedInKex(message);
    switch (message) {
      case SSH_MSG.IGNORE:
      case SSH_MSG.DEBUG:
      case SSH_MSG.UNIMPLEMENTED:
        return;
      case SSH_MSG.PING:
        if (this.#kexCount === 0 || peerIsExchanging) throw unexpectedInKex(message);
        this.send(new SshWriter(64).byte(SSH_MSG.PONG).string(new SshReader(payload, 1).string()).finish());
        return;
      default:
    }
    if (this.#kexCount === 0 || peerIsExchanging) throw unexpectedInKex(message);
    if (message >= SSH_MSG.SERVICE_FIRST || (message >= SSH_MSG.SERVICE_REQUEST && message <= SSH_MSG.EXT_INFO)) {
      this.#handler.onMessage(message, payload);
    } else {
      this.sendUnimplemented();
    }
  }

  // --- key exchange -------------------------------------------------------------------------------------------------

  #startKex(): void {
    const first = this.#kexCount === 0;
    const init = ownKexInit(this.#options.algorithms);
    const payload = encodeKexInit(first ? withSignals(init, this.#options.role) : init, randomBytes(16));
    this.#sendNow(payload, []);
    this.#kex = {
      startedAt: performance.now(),
      ours: { init, payload },
      peer: null,
      negotiated: null,
      exchange: null,
      ignoreGuess: false,
      result: null,
      newKeysSent: false,
    };
    this.#stopTimers();
    // The first exchange is under the server's login deadline.
    if (!first) {
      this.#kexTimer = setTimeout(() => {
        this.disconnect(new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'key exchange takes too long'));
      }, KEX_TIMEOUT_SECONDS * 1000).unref();
    }
  }

  #peerKexInit(payload: Buffer): void {
    if (this.#kex === null) {
      // Each exchange costs us a signature: a stranger gets one for each connection, which the listener counts.
      if (this.#options.role === 'server' && !this.#authenticated) throw unexpectedInKex(SSH_MSG.KEXINIT);
      this.#startKex();
    }
    const kex = this.#kex;
    if (kex === null || kex.peer !== null) throw unexpectedInKex(SSH_MSG.KEXINIT);
    const kept = Buffer.from(payload);
    const init = decodeKexInit(kept);
    kex.peer = { init, payload: kept };
    const server = this.#options.role === 'server';
    const [clientInit, serverInit] = server ? [init, kex.ours.init] : [kex.ours.init, init];
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
    const negotiated = negotiate(clientInit, serverInit, isAead);
    kex.negotiated = negotiated;
    kex.ignoreGuess = init.firstKexPacketFollows && !guessIsRight(clientInit, serverInit);
    const ourVersion = this.#options.version;
    const peerVersion = this.#peerVersion ?? '';
    const context = {
      clientVersion: server ? peerVersion : ourVersion,
      serverVersion: server ? ourVersion : peerVersion,
      clientKexInit: server ? kept : kex.ours.payload,
      serverKexInit: server ? kex.ours.payload : kept,
      method: negotiated.kex,
    };
    // The policy's host key list holds only names of this type: negotiate() chose one of them.
    const signatureAlgorithm = negotiated.hostKey as SignatureAlgorithm;
    if (this.#options.role === 'server') {
      const hostKey = this.#options.hostKeys.find((key) =>
        key.publicKey.signatureAlgorithms.includes(signatureAlgorithm),
      );
      if (hostKey === undefined) throw new Error(`no host key signs ${negotiated.hostKey}`);
      kex.exchange = new ServerExchange(context, hostKey, signatureAlgorithm);
    } else {
      const exchange = new ClientExchange(context, signatureAlgorithm, this.#options.verifyHostKey);
      kex.exchange = exchange;
      this.#sendNow(exchange.start(), []);
    }
  }

  #kexMessage(payload: Buffer): void {
    const kex = this.#kex;
    if (kex?.exchange == null || kex.result !== null) throw unexpectedInKex(payload[0] ?? 0);
    if (kex.ignoreGuess) {
      kex.ignoreGuess = false;
      return;
    }
    this.#busy = true;
    this.#socket.pause();
    kex.exchange.receive(payload).then(
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
    kex.result = result;
    this.#sessionId ??= result.exchangeHash;
    this.#sendNow(Buffer.from([SSH_MSG.NEWKEYS]), []);
    const server = this.#options.role === 'server';
    const negotiated = requireNegotiated(kex);
    const cipher = server ? negotiated.cipherServerToClient : negotiated.cipherClientToServer;
    const mac = server ? negotiated.macServerToClient : negotiated.macClientToServer;
    const keys = deriveDirectionKeys(result, this.sessionId, server ? 'serverToClient' : 'clientToServer', cipher, mac);
    this.#writer.useSealer(createSealer(cipher, mac, keys), this.#strict);
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
    if (kex?.result == null || !kex.newKeysSent || kex.peer === null) throw unexpectedInKex(SSH_MSG.NEWKEYS);
    const server = this.#options.role === 'server';
    const negotiated = requireNegotiated(kex);
    const cipher = server ? negotiated.cipherClientToServer : negotiated.cipherServerToClient;
    const mac = server ? negotiated.macClientToServer : negotiated.macServerToClient;
    const keys = deriveDirectionKeys(
      kex.result,
      this.sessionId,
      server ? 'clientToServer' : 'serverToClient',
      cipher,
      mac,
    );
    this.#reader.useOpener(createOpener(cipher, mac, keys), this.#strict);
    kex.result.sharedSecret.fill(0);
    if (kex.exchange instanceof ClientExchange) kex.exchange.dispose();
    this.#kex = null;
    this.#kexCount += 1;
    this.#stopTimers();
    this.#rekeyTimer = setTimeout(() => {
      this.rekey();
    }, this.#options.rekey.seconds * 1000).unref();
    this.#handler.onKeyExchange({
      number: this.#kexCount,
      negotiated,
      client: server ? kex.peer.init : kex.ours.init,
      server: server ? kex.ours.init : kex.peer.init,
      clientVersion: server ? (this.#peerVersion ?? '') : this.#options.version,
      serverVersion: server ? this.#options.version : (this.#peerVersion ?? ''),
      strict: this.#strict,
      hostKey: kex.result.hostKey,
      publicBytes: kex.result.publicBytes,
      milliseconds: performance.now() - kex.startedAt,
    });
  }

  #maybeRekey(): void {
    if (this.#kex !== null || this.#closed) return;
    const { bytes } = this.#options.rekey;
    const { bytesSinceRekey: sent, packetsSinceRekey: sentPackets } = this.#writer;
    const { bytesSinceRekey: received, packetsSinceRekey: receivedPackets } = this.#reader;
    if (Math.max(sent, received) >= bytes || Math.max(sentPackets, receivedPackets) >= MAX_PACKETS_PER_KEY)
      this.rekey();
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

  /** Two sides that both hold back would wait for each other: it is for the server to do. */
  #holdInputBytes(): number {
    if (this.#options.role === 'client') return Number.POSITIVE_INFINITY;
    return this.#authenticated ? HOLD_INPUT_BYTES : HOLD_INPUT_BYTES_BEFORE_AUTH;
  }

  #releaseInput(): void {
    if (!this.#waitsForOutput || this.#output.pendingCost > HOLD_INPUT_BYTES_BEFORE_AUTH / 2) return;
    this.#waitsForOutput = false;
    this.#process();
    if (!this.#isHeld()) this.#socket.resume();
  }

  #finish(reason: SshDisconnect): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimers();
    this.#kex?.result?.sharedSecret.fill(0);
    if (this.#kex?.exchange instanceof ClientExchange) this.#kex.exchange.dispose();
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

function requireNegotiated(kex: RunningExchange): NegotiatedAlgorithms {
  if (kex.negotiated === null) throw new Error('key exchange without negotiation');
  return kex.negotiated;
}

function unexpectedInKex(message: number): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, `unexpected message ${message} at this point`);
}
