import type { PrivateKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import type { AlgorithmLists } from '../negotiation/algorithm-lists.ts';
import type { SshDisconnect } from './disconnect.ts';
import type { HostCertificate } from './host-credential.ts';
import type { HostKeyVerifier } from './key-exchange.ts';
import type { KeyExchangeInfo } from './running-exchange.ts';

export interface RekeyLimits {
  /** Bytes in one direction. */
  readonly bytes: number;
  readonly seconds: number;
  /** Of a server: exchanges that a client may begin; the default of REKEYS_PER_MINUTE where it is left out. */
  readonly perMinute?: number;
}

interface CommonOptions {
  /** The identification string, `SSH-2.0-` included. */
  readonly version: string;
  readonly algorithms: AlgorithmLists;
  readonly rekey: RekeyLimits;
  readonly handler: TransportHandler;
}

/** A server lets the client's KEXINIT come first, to list methods that the client has. */
export interface Insistence {
  /** Where the client has one of these, only these are listed: a part of the server's methods, in its order. */
  readonly kex: readonly string[];
  /** After so many seconds without the client's KEXINIT the server sends its own, with all its methods. */
  readonly waitSeconds: number;
}

export interface ServerTransportOptions extends CommonOptions {
  readonly role: 'server';
  readonly hostKeys: readonly PrivateKey[];
  /** For the names of certificates among the host key algorithms: see `withHostCertificates`. */
  readonly hostCertificates?: readonly HostCertificate[];
  /** For `server-sig-algs` (RFC 8308 §3.1), where the names follow under which certificates sign with them. */
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
  /** The least group that diffie-hellman-group-exchange-sha256 gives out, in bits: 2048 where it is left out. */
  readonly groupExchangeMinBits?: number;
  /** Where it is left out the server sends its KEXINIT at once, with all its methods. */
  readonly insistence?: Insistence | undefined;
}

export interface ClientTransportOptions extends CommonOptions {
  readonly role: 'client';
  readonly verifyHostKey: HostKeyVerifier;
}

export type TransportOptions = ServerTransportOptions | ClientTransportOptions;

/** Called by the transport. What `onMessage` throws ends the connection. */
export interface TransportHandler {
  onKeyExchange(info: KeyExchangeInfo): void;
  /**
   * Both KEXINITs have come to this key exchange method, of which nothing has been computed or sent yet. An SshDisconnect
   * that is thrown ends the connection under the keys that it has.
   */
  onMethodAgreed?(method: string): void;
  /** Service requests, EXT_INFO and all messages from 50 up. The payload is a view that the handler may keep. */
  onMessage(message: number, payload: Buffer): void;
  /** `writable` is true: called whenever it may have been false before, so also without need. */
  onDrain(): void;
  /** Once, when the connection is over for whatever reason. */
  onClose(reason: SshDisconnect): void;
}
