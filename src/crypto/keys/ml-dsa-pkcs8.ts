import { DerError, DerReader, derInteger, derOctetString, derSequence } from '../kex/der.ts';
import { KeyFormatError } from './key-format-error.ts';
import type { MlDsaSet } from './ml-dsa-sizes.ts';

/**
 * ML-DSA private keys in PKCS#8 (RFC 9881 §6, RFC 5958). The private key is one of three:
 *
 *     seed         [0] of 32 bytes
 *     expandedKey  OCTET STRING, what FIPS 204 §5.1 makes of the seed
 *     both         SEQUENCE of OCTET STRING seed, OCTET STRING expandedKey
 */
export interface MlDsaSecret {
  readonly seed: Buffer | null;
  readonly expanded: Buffer | null;
}

const TAG_SEED = 0x80;
const TAG_SEQUENCE = 0x30;
/** Attributes, and the public key of version 2, which follow from the private one. */
const TAGS_AFTER: readonly (number | null)[] = [0xa0, 0x81];

/** id-ml-dsa-44, -65 and -87, tag and length included. */
const ALGORITHM: Readonly<Record<MlDsaSet, Buffer>> = {
  44: Buffer.from('0609608648016503040311', 'hex'),
  65: Buffer.from('0609608648016503040312', 'hex'),
  87: Buffer.from('0609608648016503040313', 'hex'),
};

/**
 * The private key as it stands there; null where it is of another algorithm or parameter set, or is no PKCS#8. Throws KeyFormatError
 * for what is malformed behind the algorithm.
 */
export function readMlDsaPkcs8(set: MlDsaSet, der: Buffer): MlDsaSecret | null {
  let ofTheSet = false;
  try {
    const file = new DerReader(der);
    const info = file.sequence();
    info.unsignedInteger();
    const algorithm = info.sequence();
    ofTheSet = algorithm.element().equals(ALGORITHM[set]);
    if (!ofTheSet) return null;
    file.end();
    // No parameters (RFC 9881 §2).
    algorithm.end();
    const inner = new DerReader(info.octetString());
    while (TAGS_AFTER.includes(info.nextTag)) info.element();
    info.end();
    const secret = choice(inner);
    inner.end();
    return secret;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    if (ofTheSet) throw new KeyFormatError(`malformed ML-DSA-${set} key: ${error.message}`);
    return null;
  }
}

function choice(inner: DerReader): MlDsaSecret {
  if (inner.nextTag === TAG_SEED) return { seed: inner.tagged(TAG_SEED), expanded: null };
  if (inner.nextTag !== TAG_SEQUENCE) return { seed: null, expanded: inner.octetString() };
  const both = inner.sequence();
  const [seed, expanded] = [both.octetString(), both.octetString()];
  both.end();
  return { seed, expanded };
}

/** PKCS#8 with the expanded key alone. */
export function expandedMlDsaPkcs8(set: MlDsaSet, expanded: Buffer): Buffer {
  return derSequence([
    derInteger(Buffer.of(0)),
    derSequence([ALGORITHM[set]]),
    derOctetString(derOctetString(expanded)),
  ]);
}
