import type { KeyType, SignatureAlgorithm } from './key-registry.ts';

/** SSH public and private keys, whatever their type: the blobs of RFC 4253 §6.6. key-registry.ts has the types. */

export type { KeyType, SignatureAlgorithm };

export { KeyFormatError } from './key-format-error.ts';

export interface PublicKey {
  readonly type: KeyType;
  /** The blob, exactly as received. */
  readonly blob: Buffer;
  /** Key size: 256 for Ed25519, the curve's or the modulus's otherwise. */
  readonly bits: number;
  /** `SHA256:` and base64 without padding. */
  readonly fingerprint: string;
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  /**
   * Verifies an SSH signature blob (`string algorithm, string signature`) over `data`. False for a signature that is
   * malformed, of another algorithm than `algorithm`, or wrong. Never throws.
   */
  verify(algorithm: SignatureAlgorithm, signature: Buffer, data: Buffer): boolean;
}

export interface PrivateKey {
  readonly publicKey: PublicKey;
  readonly comment: string;
  /** Resolves to an SSH signature blob (`string algorithm, string signature`). */
  sign(algorithm: SignatureAlgorithm, data: Buffer): Promise<Buffer>;
}
