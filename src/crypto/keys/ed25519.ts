import { generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { SshReader } from '../../wire/reader.ts';
import type { SshWriter } from '../../wire/writer.ts';
import { exportPrivateJwk, exportPublicJwk, importPrivateJwk, importPublicJwk, jwkBytes } from './key-objects.ts';
import type { KeyTypeDefinition, SigningKey, VerifyingKey } from './key-type.ts';
import { KeyFormatError } from './key-format-error.ts';

const BITS = 256;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

type Ed25519Name = 'ssh-ed25519';

/** Ed25519: RFC 8709, over RFC 8032. */
export const ed25519: KeyTypeDefinition<Ed25519Name, Ed25519Name, 'ed25519'> = {
  name: 'ssh-ed25519',
  signatures: [
    {
      name: 'ssh-ed25519',
      hash: 'sha512',
      pq: null,
      family: 'classical',
      strength: '128 bits',
      fips: 'approved',
      fipsWhy: 'EdDSA (FIPS 186-5 §7)',
      verdict: 'recommended',
      why: 'small, fast, deterministic',
      source: 'RFC 8709',
    },
  ],
  keygen: { name: 'ed25519', option: 'ed25519', bits: BITS, hostKeyFile: 'ssh_host_ed25519_key' },
  certificateSuffix: '-cert-v01@openssh.com',

  /** `string` of 32 bytes (RFC 8709 §4). */
  readPublic(reader: SshReader): VerifyingKey {
    const point = reader.string();
    if (point.length !== KEY_BYTES) {
      throw new KeyFormatError(`Ed25519 key of ${point.length} bytes, not ${KEY_BYTES}`);
    }
    const key = importPublicJwk({ kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') });
    return {
      bits: BITS,
      verify: (_algorithm, signature, data) =>
        signature.length === SIGNATURE_BYTES && verify(null, data, key, signature),
    };
  },

  /** `string` of the public key, `string` of the seed and the public key once more. */
  readPrivate(reader: SshReader): SigningKey {
    const point = reader.string();
    const secret = reader.string();
    if (point.length !== KEY_BYTES || secret.length !== 2 * KEY_BYTES) {
      throw new KeyFormatError('Ed25519 private key has not 32 and 64 bytes');
    }
    const seed = secret.subarray(0, KEY_BYTES);
    const key = importPrivateJwk({
      kty: 'OKP',
      crv: 'Ed25519',
      d: seed.toString('base64url'),
      x: point.toString('base64url'),
    });
    const derived = jwkBytes(exportPublicJwk(key), 'x');
    if (!derived.equals(point) || !derived.equals(secret.subarray(KEY_BYTES))) {
      throw new KeyFormatError('the public key in the file is not that of the private one');
    }
    return signingKey(key);
  },

  fromKeyObject: (key) => (key.asymmetricKeyType === 'ed25519' ? signingKey(key) : null),

  generate: () => signingKey(generateKeyPairSync('ed25519').privateKey),
};

function signingKey(key: KeyObject): SigningKey {
  return {
    writePublic(writer: SshWriter): void {
      writer.string(jwkBytes(exportPublicJwk(key), 'x'));
    },
    writePrivate(writer: SshWriter): void {
      const jwk = exportPrivateJwk(key);
      const point = jwkBytes(jwk, 'x');
      const secret = Buffer.concat([jwkBytes(jwk, 'd'), point]);
      writer.string(point).string(secret);
      secret.fill(0);
    },
    // It takes less time than the way to a thread.
    sign: (_algorithm, data) => sign(null, data, key),
  };
}
