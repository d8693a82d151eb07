import { randomBytes } from 'node:crypto';
import type { PrivateKey, PublicKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import type { PacketOpener, PacketSealer } from '../crypto/cipher/packet-cipher.ts';
import { createOpener, createSealer, isAead } from '../crypto/cipher/cipher-constructors.ts';
import { deriveDirectionKeys } from './direction-keys.ts';
import { DISCONNECT_REASON, SshDisconnect } from './disconnect.ts';
import type { ExchangeResult, ExchangeStep, HostKeyVerifier } from './key-exchange.ts';
import { ClientExchange, ServerExchange } from './key-exchange.ts';
import type { KexInit, NegotiatedAlgorithms, TransportAlgorithms } from './kexinit.ts';
import { decodeKexInit, encodeKexInit, guessIsRight, negotiate, ownKexInit, withSignals } from './kexinit.ts';
import { SSH_MSG } from './messages.ts';

/** What our side brings into every key exchange of a connection. */
export type ExchangeOptions = {
  /** The identification string, `SSH-2.0-` included. */
  readonly version: string;
  readonly algorithms: TransportAlgorithms;
} & (
  | { readonly role: 'server'; readonly hostKeys: readonly PrivateKey[]; readonly groupExchangeMinBits?: number }
  | { readonly role: 'client'; readonly verifyHostKey: HostKeyVerifier }
);

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

interface Peer {
  readonly version: string;
  readonly init: KexInit;
  readonly payload: Buffer;
}

/** What follows from both KEXINITs. */
interface Agreement {
  readonly negotiated: NegotiatedAlgorithms;
  readonly exchange: ServerExchange | ClientExchange;
}

/**
 * One key exchange from our KEXINIT to both NEWKEYS (RFC 4253 §7): what was said by both sides, what follows from it, and
 * the keys that come of it. It sends nothing itself. Its methods throw SshDisconnect for what comes out of turn.
 */
export class RunningExchange {
  /** Our KEXINIT. */
  readonly payload: Buffer;
  /** From here on we send under the new keys. */
  newKeysSent = false;
  readonly #options: ExchangeOptions;
  readonly #init: KexInit;
  readonly #startedAt = performance.now();
  #peer: Peer | null = null;
  #agreement: Agreement | null = null;
  #ignoreGuess = false;
  #result: ExchangeResult | null = null;

  /** `isFirst`: the first of a connection, which carries the signal of RFC 8308. */
  constructor(options: ExchangeOptions, isFirst: boolean) {
    this.#options = options;
    this.#init = ownKexInit(options.algorithms);
    this.payload = encodeKexInit(withSignals(this.#init, options.role, isFirst), randomBytes(16));
  }

  /** The peer's KEXINIT has come: until its NEWKEYS nothing else may but the exchange's own messages. */
  get peerHasBegun(): boolean {
    return this.#peer !== null;
  }

  /** The peer's NEWKEYS may come. */
  get isComplete(): boolean {
    return this.#result !== null && this.newKeysSent && this.#peer !== null;
  }

  /** Takes the peer's KEXINIT. The payload is copied. */
  receiveInit(payload: Buffer, peerVersion: string): KexInit {
    if (this.#peer !== null) throw unexpectedMessage(SSH_MSG.KEXINIT);
    const kept = Buffer.from(payload);
    const init = decodeKexInit(kept);
    this.#peer = { version: peerVersion, init, payload: kept };
    return init;
  }

  /** After `receiveInit`: chooses the algorithms. Answers the message that a client begins with. */
  agree(): Buffer | null {
    const peer = this.#requirePeer();
    const [client, server] = this.#inits(peer);
    const negotiated = negotiate(client, server, isAead);
    this.#ignoreGuess = peer.init.firstKexPacketFollows && !guessIsRight(client, server);
    const isServer = this.#options.role === 'server';
    const context = {
      ...this.#versions(peer),
      clientKexInit: isServer ? peer.payload : this.payload,
      serverKexInit: isServer ? this.payload : peer.payload,
      method: negotiated.kex,
    };
    // The policy's host key list holds only names of this type: negotiate() chose one of them.
    const signatureAlgorithm = negotiated.hostKey as SignatureAlgorithm;
    if (this.#options.role === 'server') {
      const { hostKeys, groupExchangeMinBits } = this.#options;
      const hostKey = hostKeys.find((key) => key.publicKey.signatureAlgorithms.includes(signatureAlgorithm));
      if (hostKey === undefined) throw new Error(`no host key signs ${negotiated.hostKey}`);
      this.#agreement = {
        negotiated,
        exchange: new ServerExchange(context, { hostKey, signatureAlgorithm, groupExchangeMinBits }),
      };
      return null;
    }
    const exchange = new ClientExchange(context, signatureAlgorithm, this.#options.verifyHostKey);
    this.#agreement = { negotiated, exchange };
    return exchange.start();
  }

  /** A message of the exchange (30 to 49); null where it is a wrong guess, which is to be ignored (RFC 4253 §7). */
  receive(payload: Buffer): Promise<ExchangeStep> | null {
    if (this.#agreement === null || this.#result !== null) throw unexpectedMessage(payload[0] ?? 0);
    if (this.#ignoreGuess) {
      this.#ignoreGuess = false;
      return null;
    }
    return this.#agreement.exchange.receive(payload);
  }

  /** The last step's result. It is wiped by `end` or `dispose`. */
  finish(result: ExchangeResult): void {
    this.#result = result;
  }

  /** For what we send after our NEWKEYS. */
  sealer(sessionId: Buffer): PacketSealer {
    const { cipher, mac, keys } = this.#keys(this.#options.role === 'server', sessionId);
    return createSealer(cipher, mac, keys);
  }

  /** For what comes after the peer's NEWKEYS. */
  opener(sessionId: Buffer): PacketOpener {
    const { cipher, mac, keys } = this.#keys(this.#options.role === 'client', sessionId);
    return createOpener(cipher, mac, keys);
  }

  /** After both sides' NEWKEYS: wipes the secrets and answers what it came to. */
  end(number: number, strict: boolean): KeyExchangeInfo {
    const peer = this.#requirePeer();
    const { negotiated, result } = this.#outcome();
    this.dispose();
    const [client, server] = this.#inits(peer);
    return {
      number,
      negotiated,
      client,
      server,
      ...this.#versions(peer),
      strict,
      hostKey: result.hostKey,
      publicBytes: result.publicBytes,
      milliseconds: performance.now() - this.#startedAt,
    };
  }

  /** Wipes the secrets. */
  dispose(): void {
    this.#result?.sharedSecret.fill(0);
    const exchange = this.#agreement?.exchange;
    if (exchange instanceof ClientExchange) exchange.dispose();
  }

  #keys(fromServer: boolean, sessionId: Buffer) {
    const { negotiated, result } = this.#outcome();
    const cipher = fromServer ? negotiated.cipherServerToClient : negotiated.cipherClientToServer;
    const mac = fromServer ? negotiated.macServerToClient : negotiated.macClientToServer;
    const direction = fromServer ? 'serverToClient' : 'clientToServer';
    return { cipher, mac, keys: deriveDirectionKeys(result, sessionId, direction, cipher, mac) };
  }

  #outcome(): { readonly negotiated: NegotiatedAlgorithms; readonly result: ExchangeResult } {
    if (this.#agreement === null || this.#result === null) throw new Error('key exchange without a result');
    return { negotiated: this.#agreement.negotiated, result: this.#result };
  }

  #requirePeer(): Peer {
    if (this.#peer === null) throw new Error("key exchange without the peer's KEXINIT");
    return this.#peer;
  }

  /** The client's and the server's. */
  #inits(peer: Peer): [KexInit, KexInit] {
    return this.#options.role === 'server' ? [peer.init, this.#init] : [this.#init, peer.init];
  }

  #versions(peer: Peer): { readonly clientVersion: string; readonly serverVersion: string } {
    const { version, role } = this.#options;
    return role === 'server'
      ? { clientVersion: peer.version, serverVersion: version }
      : { clientVersion: version, serverVersion: peer.version };
  }
}

/** A message that is known but may not come now. */
export function unexpectedMessage(message: number): SshDisconnect {
  return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, `unexpected message ${message} at this point`);
}
