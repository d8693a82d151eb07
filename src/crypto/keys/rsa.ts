import { generateKeyPair, generateKeyPairSync, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { SshReader } from '../../wire/reader.ts';
import type { SshWriter } from '../../wire/writer.ts';
import { bitLength } from '../kex/dh-group.ts';
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

const makeKeyPair = promisify(generateKeyPair);

/** Moduli that we accept, in bits. Below is breakable in sight; above costs seconds a signature. */
const MIN_BITS = 2048;
const MAX_BITS = 16384;
const DEFAULT_BITS = 3072;

/** Exponents are 65537 in practice; a wide one only makes verifying slow. */
const EXPONENT_MAX_BITS = 32;

type RsaAlgorithm = 'rsa-sha2-512' | 'rsa-sha2-256' | 'ssh-rsa';

/** RFC 8332 §3; RFC 4253 §6.6. */
const HASHES = {
  'rsa-sha2-512': 'sha512',
  'rsa-sha2-256': 'sha256',
  'ssh-rsa': 'sha1',
} as const satisfies Record<RsaAlgorithm, string>;

const FIPS_WHY = 'RSASSA-PKCS1-v1_5 with SHA-2 and 2048 bits or more (FIPS 186-5)';
const STRENGTH = '112 bits at 2048, 128 at 3072';

/** RSA: RFC 4253 §6.6 for the key, RFC 8332 for what it signs with. One key serves three algorithms. */
export const rsa: KeyTypeDefinition<'ssh-rsa', RsaAlgorithm, 'rsa'> = {
  name: 'ssh-rsa',
  signatures: [
    {
      name: 'rsa-sha2-512',
      hash: HASHES['rsa-sha2-512'],
      pq: null,
      family: 'classical',
      strength: STRENGTH,
      fips: 'approved',
      fipsWhy: FIPS_WHY,
      verdict: 'recommended',
      why: 'understood everywhere; make the key 3072 bits or more',
      source: 'RFC 8332',
    },
    {
      name: 'rsa-sha2-256',
      hash: HASHES['rsa-sha2-256'],
      pq: null,
      family: 'classical',
      strength: STRENGTH,
      fips: 'approved',
      fipsWhy: FIPS_WHY,
      verdict: 'recommended',
      why: 'understood everywhere; make the key 3072 bits or more',
      source: 'RFC 8332',
    },
    {
      name: 'ssh-rsa',
      hash: HASHES['ssh-rsa'],
      pq: null,
      family: 'classical',
      strength: '63 bits',
      fips: 'legacy',
      fipsWhy: 'SHA-1 signatures: verifying is legacy use, making them is not allowed (SP 800-131A rev. 2 §3)',
      verdict: 'weak',
      why: 'signs SHA-1, whose collisions cost about 2^63',
      source: 'RFC 4253 §6.6',
      optIn: true,
    },
  ],
  keygen: {
    name: 'rsa',
    option: 'rsa',
    bits: { min: MIN_BITS, max: MAX_BITS, default: DEFAULT_BITS },
    hostKeyFile: 'ssh_host_rsa_key',
  },
  certificateSuffix: '-cert-v01@openssh.com',

  /** `mpint` e, `mpint` n. */
  readPublic(reader: SshReader): VerifyingKey<RsaAlgorithm> {
    const exponent = reader.unsignedMpint();
    const modulus = reader.unsignedMpint();
    checkNumbers(modulus, exponent);
    const key = importPublicJwk({ kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') });
    const modulusBytes = modulus.length;
    return {
      bits: bitLength(modulus),
      verify(algorithm, signature, data): boolean {
        if (signature.length > modulusBytes) return false;
        // Some implementations drop leading zeros.
        const padded = Buffer.concat([Buffer.alloc(modulusBytes - signature.length), signature]);
        return verify(HASHES[algorithm], data, key, padded);
      },
    };
  },

  /** `mpint` n, e, d, q^-1 mod p, p, q. */
  readPrivate(reader: SshReader): SigningKey<RsaAlgorithm> {
    const n = reader.unsignedMpint();
    const e = reader.unsignedMpint();
    const d = reader.unsignedMpint();
    const qi = reader.unsignedMpint();
    const p = reader.unsignedMpint();
    const q = reader.unsignedMpint();
    checkNumbers(n, e);
    // The bound is on what is multiplied; a prime of one byte or none is none that makes a modulus of ours.
    const lengths = [d, qi, p, q].map(({ length }) => length);
    if (Math.max(...lengths) > n.length || Math.min(...lengths) < 2 || toNumber(p) * toNumber(q) !== toNumber(n)) {
      throw new KeyFormatError('RSA primes are not those of the modulus');
    }
    const jwk = { n, e, d, p, q, dp: exponentFor(d, p), dq: exponentFor(d, q), qi };
    const members = Object.entries(jwk).map(([member, value]) => [member, value.toString('base64url')] as const);
    jwk.dp.fill(0);
    jwk.dq.fill(0);
    return signingKey(importPrivateJwk({ kty: 'RSA', ...Object.fromEntries(members) }));
  },

  fromKeyObject: (key) => (key.asymmetricKeyType === 'rsa' ? signingKey(key) : null),

  generate(bits: number = DEFAULT_BITS): SigningKey<RsaAlgorithm> {
    checkBits(bits);
    return signingKey(generateKeyPairSync('rsa', { modulusLength: bits }).privateKey);
  },

  async generateOffLoop(bits: number = DEFAULT_BITS): Promise<SigningKey<RsaAlgorithm>> {
    checkBits(bits);
    return signingKey((await makeKeyPair('rsa', { modulusLength: bits })).privateKey);
  },
};

/** Throws RangeError. */
function checkBits(bits: number): void {
  if (Number.isInteger(bits) && bits >= MIN_BITS && bits <= MAX_BITS) return;
  throw new RangeError(`RSA key of ${bits} bits, not ${MIN_BITS} to ${MAX_BITS}`);
}

function checkNumbers(modulus: Buffer, exponent: Buffer): void {
  const bits = bitLength(modulus);
  if (bits < MIN_BITS || bits > MAX_BITS) {
    throw new KeyFormatError(`RSA key of ${bits} bits, not ${MIN_BITS} to ${MAX_BITS}`);
  }
  if (!isOdd(modulus)) throw new KeyFormatError('RSA modulus is even');
  const exponentBits = bitLength(exponent);
  if (exponentBits < 2 || exponentBits > EXPONENT_MAX_BITS || !isOdd(exponent)) {
    throw new KeyFormatError('RSA exponent is even, or not within 3 to 2^32 - 1');
  }
}

function isOdd(unsigned: Buffer): boolean {
  return ((unsigned.at(-1) ?? 0) & 1) === 1;
}

function toNumber(unsigned: Buffer): bigint {
  return BigInt(`0x0${unsigned.toString('hex')}`);
}

/** d mod (prime − 1), which the file leaves out and OpenSSL wants (RFC 8017 §3.2). */
function exponentFor(d: Buffer, prime: Buffer): Buffer {
  const value = toNumber(d) % (toNumber(prime) - 1n);
  return Buffer.from(value.toString(16).padStart(2 * prime.length, '0'), 'hex');
}

function signingKey(key: KeyObject): SigningKey<RsaAlgorithm> {
  return {
    writePublic(writer: SshWriter): void {
      const jwk = exportPublicJwk(key);
      writer.unsignedMpint(jwkBytes(jwk, 'e')).unsignedMpint(jwkBytes(jwk, 'n'));
    },
    writePrivate(writer: SshWriter): void {
      const jwk = exportPrivateJwk(key);
      for (const member of ['n', 'e', 'd', 'qi', 'p', 'q'] as const) writer.unsignedMpint(jwkBytes(jwk, member));
    },
    sign: (algorithm, data) => signOffLoop(HASHES[algorithm], data, { key }),
  };
}
