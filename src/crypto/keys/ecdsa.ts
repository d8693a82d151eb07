import { createECDH, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject, webcrypto } from 'node:crypto';
import { SshReader } from '../../wire/reader.ts';
import { SshWriter } from '../../wire/writer.ts';
import {
  exportPrivateJwk,
  exportPublicJwk,
  importPrivateJwk,
  importPublicJwk,
  jwkBytes,
  signOffLoop,
} from './key-objects.ts';
import type { KeyTypeDefinition, SigningKey, VerifyingKey } from './key-type.ts';
import { KeyFormatError } from './key-format-error.ts';

interface Curve<Name extends string, Generated extends string> {
  readonly name: Name;
  /** The curve's name inside the blobs (RFC 5656 §10.1). */
  readonly sshName: string;
  readonly jwkName: string;
  readonly opensslName: string;
  readonly bits: number;
  /** Length of a coordinate, of the private number, and of r and s, in bytes. */
  readonly fieldBytes: number;
  /** RFC 5656 §6.2.1. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Strength in bits (SP 800-57 part 1 rev. 5, table 2). */
  readonly strength: number;
  /** Signatures that take milliseconds run off the event loop; over P-256 they take less than the way there. */
  readonly slow: boolean;
  readonly generated: Generated;
  readonly hostKeyFile: string;
}

export const ecdsaP256 = ecdsa({
  name: 'ecdsa-sha2-nistp256',
  sshName: 'nistp256',
  jwkName: 'P-256',
  opensslName: 'prime256v1',
  bits: 256,
  fieldBytes: 32,
  hash: 'sha256',
  strength: 128,
  slow: false,
  generated: 'ecdsa-256',
  hostKeyFile: 'ssh_host_ecdsa_key',
});

export const ecdsaP384 = ecdsa({
  name: 'ecdsa-sha2-nistp384',
  sshName: 'nistp384',
  jwkName: 'P-384',
  opensslName: 'secp384r1',
  bits: 384,
  fieldBytes: 48,
  hash: 'sha384',
  strength: 192,
  slow: true,
  generated: 'ecdsa-384',
  hostKeyFile: 'ssh_host_ecdsa384_key',
});

export const ecdsaP521 = ecdsa({
  name: 'ecdsa-sha2-nistp521',
  sshName: 'nistp521',
  jwkName: 'P-521',
  opensslName: 'secp521r1',
  bits: 521,
  fieldBytes: 66,
  hash: 'sha512',
  strength: 256,
  slow: true,
  generated: 'ecdsa-521',
  hostKeyFile: 'ssh_host_ecdsa521_key',
});

/** ECDSA over a NIST curve: RFC 5656 §3. A curve is a key type of its own. */
function ecdsa<Name extends string, Generated extends string>(
  curve: Curve<Name, Generated>,
): KeyTypeDefinition<Name, Name, Generated> {
  const { name, opensslName, bits, fieldBytes, hash } = curve;

  const readPoint = (reader: SshReader): Buffer => {
    const curveName = reader.ascii(64);
    const point = reader.string();
    if (curveName !== curve.sshName)
      throw new KeyFormatError(`${name} key over the curve ${JSON.stringify(curveName)}`);
    if (point.length !== 1 + 2 * fieldBytes || point[0] !== 0x04) {
      throw new KeyFormatError(`${name} key is not an uncompressed point`);
    }
    return point;
  };
  const publicJwk = (point: Buffer): { kty: string; crv: string; x: string; y: string } => ({
    kty: 'EC',
    crv: curve.jwkName,
    x: point.subarray(1, 1 + fieldBytes).toString('base64url'),
    y: point.subarray(1 + fieldBytes).toString('base64url'),
  });
  const signingKey = (key: KeyObject): SigningKey => ({
    writePublic(writer): void {
      writer.string(curve.sshName).string(pointOf(exportPublicJwk(key)));
    },
    writePrivate(writer): void {
      const jwk = exportPrivateJwk(key);
      writer.string(curve.sshName).string(pointOf(jwk)).unsignedMpint(jwkBytes(jwk, 'd'));
    },
    async sign(_algorithm, data): Promise<Buffer> {
      const options = { key, dsaEncoding: 'ieee-p1363' } as const;
      return toSshSignature(curve.slow ? await signOffLoop(hash, data, options) : sign(hash, data, options));
    },
  });

  return {
    name,
    signatures: [
      {
        name,
        hash,
        pq: null,
        family: 'classical',
        strength: `${curve.strength} bits`,
        fips: 'approved',
        fipsWhy: 'ECDSA over a NIST curve (FIPS 186-5)',
        verdict: 'acceptable',
        why: 'sound; a bad random number gives the key away',
        source: 'RFC 5656 §3',
      },
    ],
    keygen: { name: curve.generated, option: 'ecdsa', bits, hostKeyFile: curve.hostKeyFile },
    certificateSuffix: '-cert-v01@openssh.com',

    /** `string` curve, `string` point (RFC 5656 §3.1). */
    readPublic(reader): VerifyingKey {
      const key = importPublicJwk(publicJwk(readPoint(reader)));
      return {
        bits,
        verify(_algorithm, signature, data): boolean {
          const fixed = fromSshSignature(signature, fieldBytes);
          return fixed !== null && verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, fixed);
        },
      };
    },

    /** `string` curve, `string` point, `mpint` private number. */
    readPrivate(reader): SigningKey {
      const point = readPoint(reader);
      const secret = reader.unsignedMpint();
      if (secret.length > fieldBytes) throw new KeyFormatError(`${name} private key is too long`);
      const fixed = Buffer.concat([Buffer.alloc(fieldBytes - secret.length), secret]);
      if (!multiply(opensslName, fixed).equals(point)) {
        throw new KeyFormatError('the public key in the file is not that of the private one');
      }
      const key = importPrivateJwk({ ...publicJwk(point), d: fixed.toString('base64url') });
      fixed.fill(0);
      return signingKey(key);
    },

    fromKeyObject: (key) =>
      key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === opensslName ? signingKey(key) : null,

    generate: () => signingKey(generateKeyPairSync('ec', { namedCurve: opensslName }).privateKey),
  };
}

/** The uncompressed point; the coordinates of a JSON Web Key have the curve's full length (RFC 7518 §6.2.1). */
function pointOf(jwk: webcrypto.JsonWebKey): Buffer {
  return Buffer.concat([Buffer.of(0x04), jwkBytes(jwk, 'x'), jwkBytes(jwk, 'y')]);
}

/** The uncompressed point of a private number, which OpenSSL checks to be within the curve's order. */
function multiply(opensslName: string, secret: Buffer): Buffer {
  try {
    const ecdh = createECDH(opensslName);
    ecdh.setPrivateKey(secret);
    return ecdh.getPublicKey();
  } catch {
    throw new KeyFormatError('private key is not valid');
  }
}

/**
 * From node:crypto's ieee-p1363, r || s, both of the curve's length, to SSH's `mpint r, mpint s` (RFC 5656 §3.1.2).
 */
function toSshSignature(fixed: Buffer): Buffer {
  const half = fixed.length / 2;
  return new SshWriter(fixed.length + 10)
    .unsignedMpint(fixed.subarray(0, half))
    .unsignedMpint(fixed.subarray(half))
    .finish();
}

/** Throws WireError for mpints that are negative or malformed; null where one is too long for the curve. */
function fromSshSignature(signature: Buffer, fieldBytes: number): Buffer | null {
  const reader = new SshReader(signature);
  const r = reader.unsignedMpint();
  const s = reader.unsignedMpint();
  reader.end();
  if (r.length > fieldBytes || s.length > fieldBytes) return null;
  const fixed = Buffer.alloc(2 * fieldBytes);
  r.copy(fixed, fieldBytes - r.length);
  s.copy(fixed, 2 * fieldBytes - s.length);
  return fixed;
}
