/** The parameter sets of ML-DSA (FIPS 204 §4). */
export type MlDsaSet = 44 | 65 | 87;

/** The length of ξ, from which FIPS 204's algorithm 6 makes the key pair, in bytes. It is the private key of every set. */
export const SEED_BYTES = 32;

/** FIPS 204 §4, table 2: lengths in bytes. */
export const ML_DSA_SIZES: Readonly<
  Record<MlDsaSet, { readonly publicKeyBytes: number; readonly expandedBytes: number; readonly signatureBytes: number }>
> = {
  44: { publicKeyBytes: 1312, expandedBytes: 2560, signatureBytes: 2420 },
  65: { publicKeyBytes: 1952, expandedBytes: 4032, signatureBytes: 3309 },
  87: { publicKeyBytes: 2592, expandedBytes: 4896, signatureBytes: 4627 },
};
