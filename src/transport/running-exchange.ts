import { createOpener, createSealer } from '../crypto/cipher/cipher-constructors.ts';
import type { PacketOpener, PacketSealer } from '../crypto/cipher/packet-cipher.ts';
import type { PrivateKey, PublicKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import { publicRandomBytes } from '../crypto/random-pool.ts';
import type { AlgorithmLists } from '../negotiation/algorithm-lists.ts';
import type { KexInit } from '../negotiation/kexinit.ts';
import { decodeKexInit, encodeKexInit, kexInitFor } from '../negotiation/kexinit.ts';
import type { Agreed, NegotiatedAlgorithms, Negotiation } from '../negotiation/negotiate.ts';
import { negotiate } from '../negotiation/negotiate.ts';
import type { KexInitPosition } from '../negotiation/signals.ts';
import type { Direction } from './direction-keys.ts';
import { deriveDirectionKeys } from './direction-keys.ts';
import type { HostCertificate } from './host-credential.ts';
import { hostCredentialFor } from './host-credential.ts';
import type { ExchangeResult, ExchangeStep, HostKeyVerifier } from './key-exchange.ts';
import { ClientExchange, ServerExchange } from './key-exchange.ts';
import { noCommonAlgorithm } from './no-common-algorithm.ts';

/** What our side brings into every key exchange of a connection. */
export type ExchangeOptions = {
  /** The identification string, `SSH-2.0-` included. */
  readonly version: string;
  readonly algorithms: AlgorithmLists;
} & (
  | {
      readonly role: 'server';
      readonly hostKeys: readonly PrivateKey[];
      readonly hostCertificates?: readonly HostCertificate[];
      readonly groupExchangeMinBits?: number;
    }
  | { readonly role: 'client'; readonly verifyHostKey: HostKeyVerifier }
);

/** What one key exchange came to. */
export interface KeyExchangeInfo {
  /** 1 for the first, then counting rekeys. */
  readonly number: number;
  readonly negotiated: NegotiatedAlgorithms;
  /** Both KEXINITs as they went over the wire. */
  readonly client: KexInit;
  readonly server: KexInit;
  readonly clientVersion: string;
  readonly serverVersion: string;
  readonly strict: boolean;
  readonly hostKey: PublicKey;
  readonly publicBytes: { readonly client: number; readonly server: number };
  readonly milliseconds: number;
}

/** What one side has said before the exchange proper. */
interface Said {
  readonly version: string;
  readonly init: KexInit;
  readonly payload: Buffer;
}

/** Both KEXINITs, and what follows from them. */
export interface Comparison<N extends Negotiation = Negotiation> {
  readonly client: Said;
  readonly server: Said;
  readonly negotiation: N;
  /** The peer has sent a guessed packet, and the guess is wrong (RFC 4253 §7). */
  readonly dropsGuess: boolean;
}

/*
 * One key exchange (RFC 4253 §7) is three objects, one after the other: begun, agreed, concluded. Each has only the steps
 * that may come next. They send nothing themselves, and throw SshDisconnect for what comes out of turn.
 */

/** Our KEXINIT is made, the peer's has not come. */
export class BegunExchange {
  readonly name = 'begun';
  readonly #options: ExchangeOptions;
  readonly #own: Said;
  readonly #startedAt = performance.now();

  constructor(options: ExchangeOptions, position: KexInitPosition) {
    this.#options = options;
    const init = kexInitFor(options.algorithms, options.role, position);
    this.#own = { version: options.version, init, payload: encodeKexInit(init, publicRandomBytes(16)) };
  }

  /** Our KEXINIT. */
  get payload(): Buffer {
    return this.#own.payload;
  }

  /** Takes the peer's KEXINIT, which is copied; `init` is what is in it, where it has been read. Throws WireError. */
  compare(payload: Buffer, version: string, init: KexInit = decodeKexInit(payload)): Comparison {
    const peer = { version, init, payload: Buffer.from(payload) };
    const [client, server] = this.#options.role === 'server' ? [peer, this.#own] : [this.#own, peer];
    const negotiation = negotiate(client.init, server.init);
    const dropsGuess = peer.init.firstKexPacketFollows && negotiation.guess.wrongIn.length > 0;
    return { client, server, negotiation, dropsGuess };
  }

  /** Goes on with what `compare` answered. Throws SshDisconnect (reason 3) where a list has no match. */
  agree(comparison: Comparison): AgreedExchange {
    const { client, negotiation } = comparison;
    if (negotiation.outcome === 'refused') throw noCommonAlgorithm(negotiation.failed, client.init);
    return new AgreedExchange(this.#options, { ...comparison, negotiation }, this.#startedAt);
  }
}

/** Both KEXINITs are there. The messages of the method go to and fro. */
export class AgreedExchange {
  readonly name = 'agreed';
  /** What a client begins with. */
  readonly firstMessage: Buffer | null;
  readonly #comparison: Comparison<Agreed>;
  readonly #role: 'client' | 'server';
  readonly #startedAt: number;
  readonly #exchange: ServerExchange | ClientExchange;
  #dropsGuess: boolean;

  constructor(options: ExchangeOptions, comparison: Comparison<Agreed>, startedAt: number) {
    const { client, server, negotiation, dropsGuess } = comparison;
    this.#comparison = comparison;
    this.#role = options.role;
    this.#startedAt = startedAt;
    this.#dropsGuess = dropsGuess;
    const context = {
      clientVersion: client.version,
      serverVersion: server.version,
      clientKexInit: client.payload,
      serverKexInit: server.payload,
      method: negotiation.algorithms.kex,
    };
    const { hostKey } = negotiation.algorithms;
    if (options.role === 'server') {
      const { hostKeys, hostCertificates = [], groupExchangeMinBits } = options;
      const credential = hostCredentialFor(hostKey, hostKeys, hostCertificates);
      this.#exchange = new ServerExchange(context, { ...credential, groupExchangeMinBits });
      this.firstMessage = null;
    } else {
      // Both lists have the name, and ours holds only names of this type: as a client we do not offer certificates.
      this.#exchange = new ClientExchange(context, hostKey as SignatureAlgorithm, options.verifyHostKey);
      this.firstMessage = this.#exchange.firstMessage;
    }
  }

  get method(): string {
    return this.#comparison.negotiation.algorithms.kex;
  }

  /** The client's KEXINIT. */
  get client(): KexInit {
    return this.#comparison.client.init;
  }

  /** A message of the method (30 to 49); null where it is a wrong guess, which is to be dropped. */
  receive(payload: Buffer): Promise<ExchangeStep> | null {
    if (this.#dropsGuess) {
      this.#dropsGuess = false;
      return null;
    }
    return this.#exchange.receive(payload);
  }

  /** Goes on with the last step's result, which is wiped in the end. */
  conclude(result: ExchangeResult): ConcludedExchange {
    this.dispose();
    return new ConcludedExchange(this.#comparison, result, { role: this.#role, startedAt: this.#startedAt });
  }

  /** Wipes the secrets. */
  dispose(): void {
    if (this.#exchange instanceof ClientExchange) this.#exchange.dispose();
  }
}

/** There are keys. We send under them from our NEWKEYS on; the peer's has not come. */
export class ConcludedExchange {
  readonly name = 'concluded';
  readonly #comparison: Comparison<Agreed>;
  readonly #result: ExchangeResult;
  readonly #role: 'client' | 'server';
  readonly #startedAt: number;

  constructor(
    comparison: Comparison<Agreed>,
    result: ExchangeResult,
    own: { readonly role: 'client' | 'server'; readonly startedAt: number },
  ) {
    this.#comparison = comparison;
    this.#result = result;
    this.#role = own.role;
    this.#startedAt = own.startedAt;
  }

  /** H. */
  get exchangeHash(): Buffer {
    return this.#result.exchangeHash;
  }

  /** For what we send after our NEWKEYS. */
  sealer(sessionId: Buffer): PacketSealer {
    const { cipher, mac, keys } = this.#keys(this.#role === 'server' ? 'serverToClient' : 'clientToServer', sessionId);
    return createSealer(cipher, mac, keys);
  }

  /** For what comes after the peer's NEWKEYS. */
  opener(sessionId: Buffer): PacketOpener {
    const { cipher, mac, keys } = this.#keys(this.#role === 'server' ? 'clientToServer' : 'serverToClient', sessionId);
    return createOpener(cipher, mac, keys);
  }

  /** What it came to; `strict`: whether strict key exchange is in force on the connection. */
  info(number: number, strict: boolean): KeyExchangeInfo {
    const { client, server, negotiation } = this.#comparison;
    return {
      number,
      negotiated: negotiation.algorithms,
      client: client.init,
      server: server.init,
      clientVersion: client.version,
      serverVersion: server.version,
      strict,
      hostKey: this.#result.hostKey,
      publicBytes: this.#result.publicBytes,
      milliseconds: performance.now() - this.#startedAt,
    };
  }

  /** Wipes the secrets: from then on it makes no keys. */
  dispose(): void {
    this.#result.sharedSecret.fill(0);
  }

  #keys(direction: Direction, sessionId: Buffer) {
    const { algorithms } = this.#comparison.negotiation;
    const [cipher, mac] =
      direction === 'serverToClient'
        ? [algorithms.cipherServerToClient, algorithms.macServerToClient]
        : [algorithms.cipherClientToServer, algorithms.macClientToServer];
    return { cipher, mac, keys: deriveDirectionKeys(this.#result, sessionId, { direction, cipher, mac }) };
  }
}
