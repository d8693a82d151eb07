import { withCertificateAlgorithms } from '../crypto/certificates/certificate-names.ts';
import type { SignatureAlgorithm } from '../crypto/keys/key.ts';
import type { AlgorithmLists } from '../negotiation/algorithm-lists.ts';
import { insistOn } from '../negotiation/insist.ts';
import { decodeKexInit } from '../negotiation/kexinit.ts';
import { asksForExtInfo } from '../negotiation/signals.ts';
import { asDisconnect } from './as-disconnect.ts';
import { DISCONNECT_REASON, SshDisconnect, unexpectedMessage } from './disconnect.ts';
import type { ExchangeResult, ExchangeStep } from './key-exchange.ts';
import { REKEYS_PER_MINUTE, KEX_TIMEOUT_SECONDS, MAX_PACKETS_PER_KEY, MAX_QUEUED_DURING_KEX_BYTES } from './limits.ts';
import { encodeExtInfo, encodeNewKeys, SSH_MSG } from './messages.ts';
import type { PacketReader } from './packet-reader.ts';
import type { PacketWriter } from './packet-writer.ts';
import { RekeyAllowance } from './rekey-allowance.ts';
import type { AgreedExchange, Comparison, ConcludedExchange } from './running-exchange.ts';
import { BegunExchange } from './running-exchange.ts';
import type { Insistence, TransportOptions } from './transport-options.ts';
import { WaitingMessages } from './waiting-messages.ts';

/** What the key exchanges of a connection need of it. */
export interface KeyedConnection {
  readonly reader: PacketReader;
  readonly writer: PacketWriter;
  sendNow(head: Buffer, body: readonly Buffer[]): void;
  /** No packet is handled until `readOn`. */
  holdInput(): void;
  readOn(): void;
  /** Runs `work`; what it throws ends the connection. */
  guard(work: () => void): void;
  disconnect(reason: SshDisconnect): void;
  /** What waited has left. */
  drained(): void;
}

/** A server's first exchange, whose KEXINIT waits for the client's. */
interface WaitsForPeer {
  readonly name: 'waits-for-peer';
  readonly insistence: Insistence;
}

type State =
  | { readonly name: 'idle' }
  | WaitsForPeer
  | BegunExchange
  | AgreedExchange
  | ConcludedExchange
  | { readonly name: 'closed' };

const IDLE: State = { name: 'idle' };
const CLOSED: State = { name: 'closed' };

/** What a peer may cost us: each exchange is a signature and more, and holds our answers back. */
type Trust = 'stranger' | 'stranger-with-old-keys' | 'authenticated';

/** What may come of a peer beside the exchange's own messages: see `admits`. */
export type Admitted = 'all' | 'ignorable' | 'nothing';

/** By the list of algorithms, which all connections of a configuration share: what a server says is the same to all. */
const EXT_INFOS = new WeakMap<readonly SignatureAlgorithm[], Buffer>();

function extInfoOf(userKeyAlgorithms: readonly SignatureAlgorithm[]): Buffer {
  const known = EXT_INFOS.get(userKeyAlgorithms);
  if (known !== undefined) return known;
  const extensions = new Map([
    ['server-sig-algs', withCertificateAlgorithms(userKeyAlgorithms).join(',')],
    ['ping@openssh.com', '0'],
  ]);
  const made = encodeExtInfo(extensions);
  EXT_INFOS.set(userKeyAlgorithms, made);
  return made;
}

/** The keys of a connection: the first exchange and those that follow, when they are due, and what waits meanwhile. */
export class SessionKeys {
  readonly #options: TransportOptions;
  readonly #connection: KeyedConnection;
  readonly #allowance: RekeyAllowance;
  readonly #waiting = new WaitingMessages();
  #state: State = IDLE;
  /** What we list: once it is narrowed for this client it stays so, for the later exchanges too. */
  #algorithms: AlgorithmLists;
  /** Exchanges that both sides have ended. */
  #count = 0;
  #trust: Trust = 'stranger';
  /** While an exchange runs its deadline, otherwise the time of the next. */
  #timer: NodeJS.Timeout | undefined;
  #sessionId: Buffer | null = null;
  /** Strict key exchange is in force: the first KEXINITs say so, later ones do not count. */
  #strict = false;

  constructor(options: TransportOptions, connection: KeyedConnection) {
    this.#options = options;
    this.#connection = connection;
    this.#algorithms = options.algorithms;
    this.#allowance = new RekeyAllowance(options.rekey.perMinute ?? REKEYS_PER_MINUTE.default);
  }

  /** H of the first key exchange (RFC 4253 §7.2). Throws before there is one. */
  get sessionId(): Buffer {
    if (this.#sessionId === null) throw new Error('no key exchange yet');
    return this.#sessionId;
  }

  /** From our KEXINIT, or from where we would send it, to our NEWKEYS the services' messages wait. */
  get holdsMessages(): boolean {
    const { name } = this.#state;
    return name === 'begun' || name === 'agreed' || name === 'waits-for-peer';
  }

  /** Bytes of memory that the waiting messages hold. */
  get waitingCost(): number {
    return this.#waiting.cost;
  }

  /**
   * Between its KEXINIT and its NEWKEYS, and before the first keys, a peer sends nothing but what may be ignored
   * (RFC 4253 §7.1); with strict key exchange not even that before the first keys.
   */
  get admits(): Admitted {
    if (this.#count === 0) return this.#strict ? 'nothing' : 'ignorable';
    return this.#state.name === 'agreed' || this.#state.name === 'concluded' ? 'ignorable' : 'all';
  }

  /** Keeps a message of a service until the exchange is over. */
  hold(head: Buffer, body: readonly Buffer[]): void {
    this.#waiting.push(head, body);
    if (this.#waiting.cost > MAX_QUEUED_DURING_KEX_BYTES) this.#takesTooLong();
  }

  /** From here on the peer may begin exchanges, and bytes and time make us begin them. */
  peerAuthenticated(): void {
    const wasDue = this.#trust === 'stranger-with-old-keys';
    this.#trust = 'authenticated';
    if (wasDue) this.begin();
  }

  /** Begins an exchange unless one is running. */
  begin(): void {
    if (this.#state.name !== 'idle') return;
    const insistence = this.#options.role === 'server' ? this.#options.insistence : undefined;
    if (this.#count === 0 && insistence !== undefined) this.#waitForPeer(insistence);
    else this.#sendInit();
  }

  /** No message of ours leaves meanwhile. The login deadline of the server goes on. */
  #waitForPeer(insistence: Insistence): void {
    this.#state = { name: 'waits-for-peer', insistence };
    this.#timer = setTimeout(() => {
      this.#connection.guard(() => {
        this.#sendInit();
      });
    }, insistence.waitSeconds * 1000).unref();
  }

  #sendInit(): void {
    const options = { ...this.#options, algorithms: this.#algorithms };
    const exchange = new BegunExchange(options, this.#count === 0 ? 'first' : 'later');
    this.#connection.sendNow(exchange.payload, []);
    this.#state = exchange;
    clearTimeout(this.#timer);
    // The first exchange is under the server's login deadline.
    if (this.#count === 0) return;
    this.#timer = setTimeout(() => {
      this.#takesTooLong();
    }, KEX_TIMEOUT_SECONDS * 1000).unref();
  }

  /** Begins an exchange where the keys have served long enough. */
  beginIfDue(): void {
    if (this.#state.name !== 'idle') return;
    const { reader, writer } = this.#connection;
    const isDue =
      this.#mayBegin && Math.max(writer.bytesSinceRekey, reader.bytesSinceRekey) >= this.#options.rekey.bytes;
    if (isDue || Math.max(writer.packetsSinceRekey, reader.packetsSinceRekey) >= MAX_PACKETS_PER_KEY) this.begin();
  }

  /** The peer's KEXINIT. */
  receiveInit(payload: Buffer, peerVersion: string): void {
    if (this.#state.name === 'idle' && this.#options.role === 'server') {
      // Each exchange costs us a signature: a stranger gets one for each connection, which the listener counts.
      if (this.#trust !== 'authenticated') throw unexpectedMessage(SSH_MSG.KEXINIT);
      const wait = this.#allowance.take();
      if (wait > 0) {
        this.#answerInitLater(Buffer.from(payload), peerVersion, wait);
        return;
      }
    }
    this.#answerInit(payload, peerVersion);
  }

  /** A message of the negotiated method (30 to 49). */
  receiveMethodMessage(payload: Buffer): void {
    const exchange = this.#state;
    if (exchange.name !== 'agreed') throw unexpectedMessage(payload[0] ?? 0);
    const received = exchange.receive(payload);
    if (received === null) return;
    this.#connection.holdInput();
    received.then(
      (step) => {
        // The connection may be over: nothing else ends the exchange meanwhile.
        if (this.#state !== exchange) {
          step.result?.sharedSecret.fill(0);
          return;
        }
        this.#connection.guard(() => {
          this.#takeStep(exchange, step);
        });
        this.#connection.readOn();
      },
      (error: unknown) => {
        this.#connection.disconnect(asDisconnect(error));
      },
    );
  }

  /** The peer's NEWKEYS. */
  receiveNewKeys(): void {
    const exchange = this.#state;
    if (exchange.name !== 'concluded') throw unexpectedMessage(SSH_MSG.NEWKEYS);
    this.#connection.reader.useOpener(exchange.opener(this.sessionId), this.#sequence);
    this.#state = IDLE;
    this.#count += 1;
    exchange.dispose();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#mayBegin) this.begin();
      else this.#trust = 'stranger-with-old-keys';
    }, this.#options.rekey.seconds * 1000).unref();
    this.#options.handler.onKeyExchange(exchange.info(this.#count, this.#strict));
  }

  /** The connection is over: wipes the secrets. */
  close(): void {
    const state = this.#state;
    this.#state = CLOSED;
    clearTimeout(this.#timer);
    this.#waiting.take();
    if (state.name === 'agreed' || state.name === 'concluded') state.dispose();
  }

  /** A stranger's bytes must not make us compute, nor hold our answers back while it takes its time. */
  get #mayBegin(): boolean {
    return this.#options.role === 'client' || this.#trust === 'authenticated';
  }

  get #sequence(): 'reset' | 'goes-on' {
    return this.#strict ? 'reset' : 'goes-on';
  }

  /** Until then nothing more is read: what is under way to the peer goes on. */
  #answerInitLater(payload: Buffer, peerVersion: string, seconds: number): void {
    this.#connection.holdInput();
    setTimeout(() => {
      if (this.#state.name === 'closed') return;
      this.#connection.guard(() => {
        this.#answerInit(payload, peerVersion);
      });
      this.#connection.readOn();
    }, seconds * 1000).unref();
  }

  #answerInit(payload: Buffer, peerVersion: string): void {
    const init = decodeKexInit(payload);
    if (this.#state.name === 'waits-for-peer') {
      const { insistence } = this.#state;
      this.#algorithms = insistOn(insistence.kex, this.#algorithms, init);
      this.#sendInit();
    } else {
      this.begin();
    }
    const begun = this.#state;
    if (begun.name !== 'begun') throw unexpectedMessage(SSH_MSG.KEXINIT);
    const comparison = begun.compare(payload, peerVersion, init);
    if (this.#count === 0) this.#beginStrictly(comparison);
    const agreed = begun.agree(comparison);
    this.#options.handler.onMethodAgreed?.(agreed.method);
    this.#state = agreed;
    if (agreed.firstMessage !== null) this.#connection.sendNow(agreed.firstMessage, []);
  }

  #beginStrictly({ negotiation }: Comparison): void {
    this.#strict = negotiation.strictKex;
    if (this.#strict && this.#connection.reader.sequenceNumber !== 1) {
      throw new SshDisconnect(
        DISCONNECT_REASON.PROTOCOL_ERROR,
        'strict key exchange: KEXINIT was not the first packet',
      );
    }
  }

  #takeStep(exchange: AgreedExchange, step: ExchangeStep): void {
    for (const message of step.send) this.#connection.sendNow(message, []);
    if (step.result !== null) this.#conclude(exchange, step.result);
  }

  #conclude(agreed: AgreedExchange, result: ExchangeResult): void {
    const exchange = agreed.conclude(result);
    this.#state = exchange;
    this.#sessionId ??= exchange.exchangeHash;
    const { writer } = this.#connection;
    this.#connection.sendNow(encodeNewKeys(), []);
    writer.useSealer(exchange.sealer(this.sessionId), this.#sequence);
    if (this.#count === 0 && this.#options.role === 'server' && asksForExtInfo(agreed.client)) {
      this.#connection.sendNow(extInfoOf(this.#options.userKeyAlgorithms), []);
    }
    // What waited leaves before anything that is sent from here on.
    for (const { head, body } of this.#waiting.take()) this.#connection.sendNow(head, body);
    this.#connection.drained();
  }

  #takesTooLong(): void {
    this.#connection.disconnect(new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'key exchange takes too long'));
  }
}
