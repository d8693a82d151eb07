import type { KexHash } from '../kex/kex-method.ts';

/**
 * What is known about every algorithm this build implements: facts only, no code. Policies are checked against these
 * tables, `policy show` and docs/security-policies.md print them, and the constructors are keyed by their names.
 *
 * Strengths: classical bits from NIST SP 800-57 part 1 rev. 5 table 2 and SP 800-56A rev. 3 appendix D; post-quantum
 * categories from FIPS 203 §8 and the submissions to NIST (Kyber round 3, NTRU Prime round 3).
 * Sizes: the method's own document, see `source`.
 */

export type Verdict = 'recommended' | 'acceptable' | 'legacy' | 'weak';

/**
 * `approved`: may stand in a FIPS policy. `legacy`: SHA-1, which NIST withdraws; only `ssh-rsa`, and only where the
 * service documents it, may stand in one. `not-approved`: may not.
 */
export type FipsStatus = 'approved' | 'legacy' | 'not-approved';

export interface AlgorithmFacts {
  readonly name: string;
  readonly fips: FipsStatus;
  /** One sentence for the operator: why that FIPS status. */
  readonly fipsWhy: string;
  readonly verdict: Verdict;
  /** One sentence for the operator: why that verdict. */
  readonly why: string;
  /** The document that defines the name. */
  readonly source: string;
}

/** The family of the post-quantum half of a hybrid. */
export type PqFamily = 'ml-kem' | 'kyber' | 'sntrup';

export type ClassicalExchange =
  'X25519' | 'P-256' | 'P-384' | 'P-521' | 'MODP-2048' | 'MODP-4096' | 'MODP-8192' | 'MODP, 2048 bits or more';

/** What a cipher or a MAC is built on: who computes it is said once for each, in crypto/providers.ts. */
export type CipherPrimitive = 'AES' | 'ChaCha20-Poly1305';
export type MacPrimitive = 'HMAC' | 'UMAC';

interface KexFacts extends AlgorithmFacts {
  readonly kind: 'kex';
  /** The classical exchange, or the classical half of a hybrid. */
  readonly classical: ClassicalExchange;
  /** Strength of the classical part against a classical attacker, in bits. */
  readonly classicalBits: number;
  /** The hash of K (hybrids), of H and of key derivation. */
  readonly hash: KexHash;
  /** C_INIT or Q_C, in bytes; for a fixed DH group the size of its prime; null where it depends on the group. */
  readonly initBytes: number | null;
  /** S_REPLY or Q_S, in bytes; null as above. */
  readonly replyBytes: number | null;
}

export interface HybridKexAlgorithm extends KexFacts {
  readonly family: 'pq-hybrid';
  readonly pq: PqFamily;
  /** The parameter set: "ML-KEM-768", "Kyber-512 (round 3)", "sntrup761". */
  readonly pqParameters: string;
  /** NIST security category of the post-quantum half (1 = AES-128, 3 = AES-192, 5 = AES-256). */
  readonly pqCategory: 1 | 2 | 3 | 5;
}

export interface ClassicalKexAlgorithm extends KexFacts {
  readonly family: 'classical';
  readonly pq: null;
  readonly pqParameters: null;
  readonly pqCategory: null;
}

export type KexAlgorithm = HybridKexAlgorithm | ClassicalKexAlgorithm;

export interface CipherAlgorithm extends AlgorithmFacts {
  readonly kind: 'cipher';
  readonly primitive: CipherPrimitive;
  readonly keyBits: number;
  /** True: it authenticates by itself, and the negotiated MAC is not used. */
  readonly aead: boolean;
}

export interface MacAlgorithm extends AlgorithmFacts {
  readonly kind: 'mac';
  readonly primitive: MacPrimitive;
  readonly tagBytes: number;
  /** Encrypt-then-MAC (OpenSSH PROTOCOL §1.7): the tag is over the ciphertext. */
  readonly etm: boolean;
}

/** What a key type says of each algorithm that it signs with: the row stands in the type's own file, in crypto/keys. */
export interface SignatureFacts<Name extends string = string> extends AlgorithmFacts {
  readonly name: Name;
  /** Of what is signed; ML-DSA's own is SHAKE256 (FIPS 204 §5.2). */
  readonly hash: KexHash | 'shake256';
  /** What a quantum computer does not break in it; null for a classical signature. */
  readonly pq: 'ml-dsa' | null;
  /** The classical signature that must verify beside it, where there is one. */
  readonly classicalHalf?: string;
  /** In the words of tables for people: "classical". */
  readonly family: string;
  /** Against an attacker of that family, in the words of tables for people: "128 bits". */
  readonly strength: string;
  /** True: user keys sign with it only under a policy that lists it for host keys. */
  readonly optIn?: boolean;
}
