import type { Algorithm } from '../crypto/algorithms/algorithm-table.ts';

/** The words of an algorithm's row in tables for people: `policy show` and docs/security-policies.md. */
export interface AlgorithmWords {
  readonly name: string;
  /** "PQ (ML-KEM-768 + X25519)", "classical", "AEAD", "encrypt-then-MAC". */
  readonly family: string;
  /** "128 bits; PQ category 3". */
  readonly strength: string;
  /** "yes", "no", or "legacy". */
  readonly fips: string;
  readonly verdict: string;
  readonly why: string;
}

export function describeAlgorithm(algorithm: Algorithm): AlgorithmWords {
  const { name, verdict, why } = algorithm;
  const fips = { approved: 'yes', legacy: 'legacy', 'not-approved': 'no' }[algorithm.fips];
  return { name, ...familyAndStrength(algorithm), fips, verdict, why };
}

function familyAndStrength(algorithm: Algorithm): Pick<AlgorithmWords, 'family' | 'strength'> {
  switch (algorithm.kind) {
    case 'kex':
      if (algorithm.family === 'classical') {
        return { family: `classical (${algorithm.classical})`, strength: `${algorithm.classicalBits} bits` };
      }
      return {
        family: `PQ hybrid (${algorithm.pqParameters} + ${algorithm.classical})`,
        strength: `${algorithm.classicalBits} bits; PQ category ${algorithm.pqCategory}`,
      };
    case 'cipher':
      return { family: algorithm.aead ? 'AEAD' : 'needs a MAC', strength: `${algorithm.keyBits} bits` };
    case 'mac':
      return {
        family: algorithm.etm ? 'encrypt-then-MAC' : 'encrypt-and-MAC',
        strength: `tag of ${algorithm.tagBytes * 8} bits`,
      };
    case 'hostKey':
      return { family: algorithm.family, strength: algorithm.strength };
  }
}
