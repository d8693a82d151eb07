/** What session-load.ts is to do. */
export interface LoadJob {
  readonly port: number;
  readonly user: string;
  /** Path of the private key, Ed25519. */
  readonly key: string;
  readonly kex: string;
  /** Logins, or sessions held at once. */
  readonly count: number;
  /** How many at a time. */
  readonly concurrency: number;
  /** Keep all of them open until standard input ends. */
  readonly hold: boolean;
}

export interface LoadResult {
  /** False where the server does not have the key exchange method. */
  readonly supported: boolean;
  readonly seconds: number;
}
