/**
 * A key encapsulation mechanism as the hybrid key exchanges use it: fixed sizes, a 32-byte shared secret.
 * Returned secrets belong to the caller, who overwrites them after use.
 */
export const KEM_SECRET_BYTES = 32;

/** What the encapsulating side (the SSH server) gets. */
export interface Encapsulation {
  readonly ciphertext: Buffer;
  /** 32 bytes; the caller overwrites it after use. */
  readonly sharedSecret: Buffer;
}

/** The decapsulating side's key pair (the SSH client), for one exchange. */
export interface KemKeyPair {
  readonly publicKey: Buffer;
  /** 32 bytes; the caller overwrites it after use. Throws KexError for a ciphertext of the wrong length. */
  decapsulate(ciphertext: Buffer): Buffer;
  /** Overwrites what of the private key lies in JavaScript's memory. */
  dispose(): void;
}

export interface Kem {
  readonly name: string;
  readonly publicKeyBytes: number;
  readonly ciphertextBytes: number;
  /** True once `generateKeyPair` and `encapsulate` may be called. */
  readonly loaded: boolean;
  /** Makes the implementation ready where it needs that (WebAssembly); resolves at once otherwise. */
  load(): Promise<void>;
  generateKeyPair(): KemKeyPair;
  /** Throws KexError for a public key of the wrong length or one that the KEM calls invalid. */
  encapsulate(publicKey: Buffer): Encapsulation;
}
