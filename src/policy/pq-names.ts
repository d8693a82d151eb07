import { KEX_BY_NAME } from '../crypto/algorithms/algorithm-table.ts';

/**
 * Names of post-quantum schemes as they occur in key exchange names, this build's and others' (OQS-OpenSSH has dozens).
 */
const PQ_SCHEMES = /ml-?kem|kyber|sntrup|ntru|frodo|bike|hqc|mceliece|saber|sike|newhope/i;

/** Whether a key exchange name means a post-quantum method, hybrid or pure, implemented here or not. */
export function looksPostQuantum(kexName: string): boolean {
  const facts = KEX_BY_NAME.get(kexName);
  return facts === undefined ? PQ_SCHEMES.test(kexName) : facts.family === 'pq-hybrid';
}
