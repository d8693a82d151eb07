import { randomBytes } from 'node:crypto';
import type { SshReader } from '../../wire/reader.ts';
import type { KeyTypeDefinition, SigningKey, VerifyingKey } from './key-type.ts';
import { KeyFormatError } from './key-format-error.ts';
import { readMlDsaPkcs8 } from './ml-dsa-pkcs8.ts';
import { expandSeed, mlDsa } from './ml-dsa.ts';
import type { MlDsa, MlDsaPrivateKey } from './ml-dsa.ts';
import { ML_DSA_SIZES, SEED_BYTES } from './ml-dsa-sizes.ts';
import type { MlDsaSet } from './ml-dsa-sizes.ts';

type Name<Set extends MlDsaSet> = `ssh-mldsa-${Set}`;
type Generated<Set extends MlDsaSet> = `mldsa-${Set}`;

/** The context of its signatures is empty. */
const NO_CONTEXT = Buffer.alloc(0);
/** What the private key has: a seed of 32 bytes. */
const BITS = 256;
/** FIPS 204 §4, table 1. */
const CATEGORY: Readonly<Record<MlDsaSet, 2 | 3 | 5>> = { 44: 2, 65: 3, 87: 5 };

export const mlDsa44 = mlDsaKeys(44, mlDsa(44));
export const mlDsa65 = mlDsaKeys(65, mlDsa(65));
export const mlDsa87 = mlDsaKeys(87, mlDsa(87));

/**
 * ML-DSA alone (draft-sfluhrer-ssh-mldsa), over one provider. No group has agreed on it yet, so that a policy has to name it.
 *
 *     public key   string
 *     private key  string public key || string seed (32), or string expanded key where no seed is known
 *     signature    of the data, pure, with an empty context
 */
export function mlDsaKeys<Set extends MlDsaSet>(
  set: Set,
  dsa: MlDsa,
): KeyTypeDefinition<Name<Set>, Name<Set>, Generated<Set>> {
  const name: Name<Set> = `ssh-mldsa-${set}`;
  const { publicKeyBytes, expandedBytes } = ML_DSA_SIZES[set];

  const privateKeyOf = (secret: Buffer): MlDsaPrivateKey => {
    if (secret.length === SEED_BYTES) return dsa.privateKey(secret);
    if (secret.length === expandedBytes) return dsa.expandedKey(secret);
    throw new KeyFormatError(`${name} private key of ${secret.length} bytes, not ${SEED_BYTES} or ${expandedBytes}`);
  };
  const fromPkcs8 = (der: Buffer): SigningKey | null => {
    const found = readMlDsaPkcs8(set, der);
    if (found === null) return null;
    const { seed, expanded } = found;
    if (seed !== null && expanded !== null) checkExpansion(set, seed, expanded);
    return signingKey(privateKeyOf(seed ?? expanded ?? Buffer.alloc(0)));
  };

  return {
    name,
    signatures: [
      {
        name,
        hash: 'shake256',
        pq: 'ml-dsa',
        family: `PQ (ML-DSA-${set})`,
        strength: `PQ category ${CATEGORY[set]}`,
        fips: 'approved',
        fipsWhy: 'ML-DSA, pure (FIPS 204 §5)',
        verdict: 'acceptable',
        why: 'sound as far as lattices are; the draft is no standard, and few clients have it',
        source: 'draft-sfluhrer-ssh-mldsa',
        optIn: true,
      },
    ],
    // Nobody has defined any.
    certificateSuffix: null,
    keygen: {
      name: `mldsa-${set}`,
      option: `mldsa-${set}`,
      bits: BITS,
      hostKeyFile: `ssh_host_mldsa${set}_key`,
    },

    /** `string` of the public key. */
    readPublic(reader: SshReader): VerifyingKey {
      const key = dsa.publicKey(publicKeyIn(reader));
      return { bits: BITS, verify: (_algorithm, signature, data) => key.verify(signature, data, NO_CONTEXT) };
    },

    /** `string` of the public key, `string` of the seed or of the expanded key. */
    readPrivate(reader: SshReader): SigningKey {
      const publicKey = publicKeyIn(reader);
      const key = privateKeyOf(reader.string());
      if (!key.publicKey.equals(publicKey)) {
        throw new KeyFormatError('the public key in the file is not that of the private one');
      }
      return signingKey(key);
    },

    fromPkcs8,

    fromKeyObject(key): SigningKey | null {
      // The types of Node do not have the name.
      if ((key.asymmetricKeyType as string | undefined) !== `ml-dsa-${set}`) return null;
      const der = key.export({ format: 'der', type: 'pkcs8' });
      try {
        return fromPkcs8(der);
      } finally {
        der.fill(0);
      }
    },

    generate(): SigningKey {
      const seed = randomBytes(SEED_BYTES);
      try {
        return signingKey(dsa.privateKey(seed));
      } finally {
        seed.fill(0);
      }
    },
  };

  function publicKeyIn(reader: SshReader): Buffer {
    const publicKey = reader.string();
    if (publicKey.length !== publicKeyBytes) {
      throw new KeyFormatError(`${name} key of ${publicKey.length} bytes, not ${publicKeyBytes}`);
    }
    return publicKey;
  }
}

function signingKey(key: MlDsaPrivateKey): SigningKey {
  return {
    writePublic(writer): void {
      writer.string(key.publicKey);
    },
    writePrivate(writer): void {
      const secret = key.secret();
      writer.string(key.publicKey).string(secret);
      secret.fill(0);
    },
    sign: (_algorithm, data) => key.sign(data, NO_CONTEXT),
  };
}

/** Two private keys in one file must be the same one (RFC 9881 §6). */
function checkExpansion(set: MlDsaSet, seed: Buffer, expanded: Buffer): void {
  if (seed.length !== SEED_BYTES)
    throw new KeyFormatError(`ML-DSA-${set} seed of ${seed.length} bytes, not ${SEED_BYTES}`);
  const made = expandSeed(set, seed);
  const same = made.equals(expanded);
  made.fill(0);
  if (!same) throw new KeyFormatError('the expanded key in the file is not that of the seed');
}
