import type { SignatureAlgorithm } from '../../src/crypto/keys/key-registry.ts';

/** What session-load.ts is to do. */
export interface LoadJob {
  readonly port: number;
  readonly user: string;
  /** The users are `user`-0 and on, so many, one after the other. Default: `user` itself. */
  readonly users?: number;
  /** Path of the private key. */
  readonly key: string;
  /** What it signs with. */
  readonly signature: SignatureAlgorithm;
  readonly kex: string;
  /** What the server signs with. */
  readonly hostKey: SignatureAlgorithm;
  /**
   * How long sessions are opened and closed, after how long a time that does not count; or how many are opened and held
   * until standard input ends.
   */
  readonly load: { readonly warmUpSeconds: number; readonly seconds: number } | { readonly hold: number };
  /** How many at a time. */
  readonly concurrency: number;
}

export interface LoadResult {
  /** False where the server does not have the key exchange method. */
  readonly supported: boolean;
  /** Sessions, and how long they took. */
  readonly count: number;
  readonly seconds: number;
}
