/** What one side has, in the order in which it prefers it. */
export interface AlgorithmLists {
  readonly kex: readonly string[];
  /** The same for both directions. */
  readonly ciphers: readonly string[];
  /** The same for both directions. */
  readonly macs: readonly string[];
  readonly hostKeys: readonly string[];
}
