/** Hash functions that key exchange methods name. The same one makes K (hybrids), H and the derived keys. */
export type KexHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/**
 * The peer's contribution is unusable: wrong length, invalid ML-KEM key, point off the curve, all-zero X25519
 * result, DH value out of range. The transport answers it with SSH_MSG_DISCONNECT,
 * SSH_DISCONNECT_KEY_EXCHANGE_FAILED (3).
 */
export class KexError extends Error {
  override readonly name = 'KexError';
}

/** What a server answers to a client's public value. */
export interface KexReply {
  /** S_REPLY / Q_S: the bytes that go into the reply's string (or f, as unsigned big-endian, for DH). */
  readonly reply: Buffer;
  /**
   * K in its wire encoding, length prefix included: a `string` for the hybrids, an `mpint` for the classical
   * methods. It goes into the exchange hash and key derivation as it stands. The caller overwrites it after use.
   */
  readonly sharedSecret: Buffer;
}

/** The client's half of one exchange: used once, then disposed. */
export interface ClientExchange {
  /** C_INIT / Q_C (or e, as unsigned big-endian, for DH). */
  readonly init: Buffer;
  /** Takes the server's public value; resolves to K in its wire encoding. Throws KexError. */
  finish(reply: Buffer): Promise<Buffer>;
  /** Overwrites what secrets it still holds. */
  dispose(): void;
}

/**
 * One key exchange method, for a fixed group: RFC 5656 §4, RFC 8731, RFC 4253 §8, RFC 9941,
 * draft-ietf-sshm-mlkem-hybrid-kex, and the d00 Kyber names.
 * (diffie-hellman-group-exchange makes one of these once its group is chosen.)
 */
export interface KexMethod {
  readonly name: string;
  readonly hash: KexHash;
  /** Public values travel as a `string` (ECDH, hybrids) or as an `mpint` (DH, RFC 4253 §8). */
  readonly publicEncoding: 'string' | 'mpint';
  /** The sizes of the public values in bytes; null where they vary (DH). */
  readonly initBytes: number | null;
  readonly replyBytes: number | null;
  startClient(): ClientExchange;
  /** Throws (rejects with) KexError for every unusable `init`. */
  respond(init: Buffer): Promise<KexReply>;
}
