import { createHash, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { SshReader } from '../../wire/reader.ts';
import { exportPrivateJwk, exportPublicJwk, importPrivateJwk, importPublicJwk, jwkBytes } from './key-objects.ts';
import type { KeyTypeDefinition, SigningKey, VerifyingKey } from './key-type.ts';
import { KeyFormatError } from './key-format-error.ts';
import { mlDsa } from './ml-dsa.ts';
import type { MlDsa, MlDsaPrivateKey } from './ml-dsa.ts';
import { ML_DSA_SIZES, SEED_BYTES } from './ml-dsa-sizes.ts';

/**
 * ML-DSA-44 and Ed25519 together (draft-ietf-sshm-composite-sigs). A forger must break both halves.
 *
 *     public key   ML-DSA-44 public key (1312) || Ed25519 public key (32)
 *     private key  ML-DSA-44 seed (32) || Ed25519 seed (32)
 *     signature    ML-DSA-44 signature (2420) || Ed25519 signature (64)
 */
const NAME = 'ssh-mldsa44-ed25519';
type Name = typeof NAME;

/** What `ssh-keygen -l` says of such a key. It is the length of its private key in bits. */
const BITS = 512;
const { publicKeyBytes: ML_DSA_PUBLIC_BYTES, signatureBytes: ML_DSA_SIGNATURE_BYTES } = ML_DSA_SIZES[44];
const ED25519_BYTES = 32;
const PUBLIC_BYTES = ML_DSA_PUBLIC_BYTES + ED25519_BYTES;
const PRIVATE_BYTES = SEED_BYTES + ED25519_BYTES;
const SIGNATURE_BYTES = ML_DSA_SIGNATURE_BYTES + 64;

/** The prefix that all composite signatures share, and the label of this one, which is ML-DSA's context too. */
const PREFIX = Buffer.from('CompositeAlgorithmSignatures2025');
const LABEL = Buffer.from('COMPSIG-MLDSA44-Ed25519-SHA512');

export const mlDsa44Ed25519 = mlDsa44Ed25519With(mlDsa(44));

/** The type over one provider of ML-DSA, so that tests can let two of them check each other. */
export function mlDsa44Ed25519With(dsa: MlDsa): KeyTypeDefinition<Name, Name, 'mldsa44-ed25519'> {
  return {
    name: NAME,
    signatures: [
      {
        name: NAME,
        hash: 'sha512',
        pq: 'ml-dsa',
        classicalHalf: 'Ed25519',
        family: 'PQ hybrid (ML-DSA-44 + Ed25519)',
        strength: '128 bits; PQ category 2',
        fips: 'approved',
        fipsWhy: 'ML-DSA (FIPS 204) and EdDSA (FIPS 186-5 §7), both of which must verify',
        verdict: 'recommended',
        why: 'a forger must break a lattice and a curve',
        source: 'draft-ietf-sshm-composite-sigs',
      },
    ],
    keygen: {
      name: 'mldsa44-ed25519',
      option: 'mldsa44-ed25519',
      bits: BITS,
      hostKeyFile: 'ssh_host_mldsa44_ed25519_key',
    },
    certificateSuffix: '-cert',

    /** `string` of both public keys. */
    readPublic(reader: SshReader): VerifyingKey {
      const { mlDsaHalf, edHalf } = publicHalves(reader.string());
      const mlDsaKey = dsa.publicKey(mlDsaHalf);
      const edKey = importPublicJwk({ kty: 'OKP', crv: 'Ed25519', x: edHalf.toString('base64url') });
      return {
        bits: BITS,
        verify(_algorithm, signature, data): boolean {
          if (signature.length !== SIGNATURE_BYTES) return false;
          const message = representative(data);
          // Both are computed, whatever the first says: neither the answer nor its time tells which half is wrong.
          const mlDsaHolds = holds(() =>
            mlDsaKey.verify(signature.subarray(0, ML_DSA_SIGNATURE_BYTES), message, LABEL),
          );
          const edHolds = holds(() => verify(null, message, edKey, signature.subarray(ML_DSA_SIGNATURE_BYTES)));
          return mlDsaHolds && edHolds;
        },
      };
    },

    /** `string` of both public keys, `string` of both seeds. */
    readPrivate(reader: SshReader): SigningKey {
      const { mlDsaHalf, edHalf } = publicHalves(reader.string());
      const seeds = reader.string();
      if (seeds.length !== PRIVATE_BYTES) {
        throw new KeyFormatError(`${NAME} private key of ${seeds.length} bytes, not ${PRIVATE_BYTES}`);
      }
      const mlDsaKey = dsa.privateKey(seeds.subarray(0, SEED_BYTES));
      const edKey = importPrivateJwk({
        kty: 'OKP',
        crv: 'Ed25519',
        d: seeds.subarray(SEED_BYTES).toString('base64url'),
        x: edHalf.toString('base64url'),
      });
      if (!mlDsaKey.publicKey.equals(mlDsaHalf) || !jwkBytes(exportPublicJwk(edKey), 'x').equals(edHalf)) {
        throw new KeyFormatError('the public key in the file is not that of the private one');
      }
      return signingKey(mlDsaKey, edKey);
    },

    // No PEM form is defined for SSH's composite.
    fromKeyObject: () => null,

    generate(): SigningKey {
      const seed = randomBytes(SEED_BYTES);
      try {
        return signingKey(dsa.privateKey(seed), generateKeyPairSync('ed25519').privateKey);
      } finally {
        seed.fill(0);
      }
    },
  };
}

function signingKey(mlDsaKey: MlDsaPrivateKey, edKey: KeyObject): SigningKey {
  const publicKey = Buffer.concat([mlDsaKey.publicKey, jwkBytes(exportPublicJwk(edKey), 'x')]);
  return {
    writePublic(writer): void {
      writer.string(publicKey);
    },
    writePrivate(writer): void {
      const mlDsaSeed = mlDsaKey.secret();
      const seeds = Buffer.concat([mlDsaSeed, jwkBytes(exportPrivateJwk(edKey), 'd')]);
      writer.string(publicKey).string(seeds);
      mlDsaSeed.fill(0);
      seeds.fill(0);
    },
    async sign(_algorithm, data): Promise<Buffer> {
      const message = representative(data);
      return Buffer.concat([await mlDsaKey.sign(message, LABEL), sign(null, message, edKey)]);
    },
  };
}

/** What both halves sign: the prefix, the label, a length of 0 for the application's context, SHA-512 of the data. */
function representative(data: Buffer): Buffer {
  return Buffer.concat([PREFIX, LABEL, Buffer.of(0), createHash('sha512').update(data).digest()]);
}

function publicHalves(both: Buffer): { readonly mlDsaHalf: Buffer; readonly edHalf: Buffer } {
  if (both.length !== PUBLIC_BYTES) {
    throw new KeyFormatError(`${NAME} key of ${both.length} bytes, not ${PUBLIC_BYTES}`);
  }
  return { mlDsaHalf: both.subarray(0, ML_DSA_PUBLIC_BYTES), edHalf: both.subarray(ML_DSA_PUBLIC_BYTES) };
}

/** A provider that throws has not verified. */
function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
