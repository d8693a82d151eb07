import { getFips, pbkdf2, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** A password hash that is not in one of the two forms below, or with parameters outside the bounds. */
export class PasswordHashError extends Error {
  override readonly name = 'PasswordHashError';
}

/** scrypt (RFC 7914): 2^15 × 8 × 128 B = 32 MiB of memory for a guess. */
const SCRYPT_LOG2_N = 15;
const SCRYPT_R = 8;
const SCRYPT_P = 1;
/** PBKDF2-HMAC-SHA-256 (SP 800-132), for FIPS mode, where scrypt is not approved. */
const PBKDF2_ITERATIONS = 600_000;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const SCRYPT_PARAMETERS = `$scrypt$ln=${SCRYPT_LOG2_N},r=${SCRYPT_R},p=${SCRYPT_P}`;
const PBKDF2_PARAMETERS = `$pbkdf2-sha256$i=${PBKDF2_ITERATIONS}`;

/** Upper bounds: a configuration must not be able to stall the server with one login. */
const MAX_SCRYPT_BYTES = 256 * 1024 * 1024;
const MAX_PBKDF2_ITERATIONS = 10_000_000;

const scryptAsync = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);
const pbkdf2Async = promisify(pbkdf2);

type ParsedHash =
  | {
      readonly kind: 'scrypt';
      readonly N: number;
      readonly r: number;
      readonly p: number;
      readonly salt: Buffer;
      readonly hash: Buffer;
    }
  | { readonly kind: 'pbkdf2-sha256'; readonly iterations: number; readonly salt: Buffer; readonly hash: Buffer };

const b64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/**
 * `$scrypt$ln=15,r=8,p=1$SALT$HASH`, or `$pbkdf2-sha256$i=600000$SALT$HASH` in FIPS mode; salt (16 bytes) and hash
 * (32 bytes) in base64 without padding: the form of the PHC string format. Throws PasswordHashError for a password that
 * `verifyPassword` would refuse.
 */
export async function hashPassword(password: string, kind?: 'scrypt' | 'pbkdf2-sha256'): Promise<string> {
  if (password.includes('\0')) throw new PasswordHashError('a password with a NUL in it is never let in');
  const salt = randomBytes(SALT_BYTES);
  if ((kind ?? defaultKind()) === 'scrypt') {
    const N = 2 ** SCRYPT_LOG2_N;
    const hash = await scryptAsync(normalise(password), salt, HASH_BYTES, {
      N,
      r: SCRYPT_R,
      p: SCRYPT_P,
      maxmem: MAX_SCRYPT_BYTES,
    });
    return `${SCRYPT_PARAMETERS}$${b64(salt)}$${b64(hash)}`;
  }
  const hash = await pbkdf2Async(normalise(password), salt, PBKDF2_ITERATIONS, HASH_BYTES, 'sha256');
  return `${PBKDF2_PARAMETERS}$${b64(salt)}$${b64(hash)}`;
}

function defaultKind(): 'scrypt' | 'pbkdf2-sha256' {
  return getFips() === 1 ? 'pbkdf2-sha256' : 'scrypt';
}

/** Throws PasswordHashError with what is wrong, for configuration checks. */
export function parsePasswordHash(text: string): ParsedHash {
  const scryptMatch = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text);
  if (scryptMatch !== null) {
    const [, ln = '', r = '', p = '', salt = '', hash = ''] = scryptMatch;
    const parsed = { kind: 'scrypt' as const, N: 2 ** Number(ln), r: Number(r), p: Number(p), ...decode(salt, hash) };
    if (
      parsed.N < 2 ||
      parsed.r < 1 ||
      parsed.p < 1 ||
      parsed.p > 16 ||
      parsed.N * parsed.r * 128 > MAX_SCRYPT_BYTES / 2
    ) {
      throw new PasswordHashError('scrypt parameters are out of bounds (at most 128 MiB of memory, p at most 16)');
    }
    return parsed;
  }
  const pbkdf2Match = /^\$pbkdf2-sha256\$i=(\d{1,9})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text);
  if (pbkdf2Match !== null) {
    const [, i = '', salt = '', hash = ''] = pbkdf2Match;
    const iterations = Number(i);
    if (iterations < 1000 || iterations > MAX_PBKDF2_ITERATIONS) {
      throw new PasswordHashError(`pbkdf2 iterations must be between 1000 and ${MAX_PBKDF2_ITERATIONS}`);
    }
    return { kind: 'pbkdf2-sha256', iterations, ...decode(salt, hash) };
  }
  throw new PasswordHashError('not a password hash: expected the output of "latticeport hash-password"');
}

function decode(salt: string, hash: string): { salt: Buffer; hash: Buffer } {
  const decoded = { salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
  if (decoded.salt.length < 8 || decoded.hash.length < 16 || decoded.hash.length > 64) {
    throw new PasswordHashError('salt or hash is too short');
  }
  return decoded;
}

/**
 * A hash that no password has, for `verifyPassword`: with the parameters that most of `hashes` have, or, without any, with
 * those of `hashPassword`. An unknown user then costs the same time as a wrong password.
 */
export function decoyHash(hashes: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const hash of hashes) {
    const parameters = hash.split('$').slice(0, 3).join('$');
    counts.set(parameters, (counts.get(parameters) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  const parameters = most?.[0] ?? (defaultKind() === 'scrypt' ? SCRYPT_PARAMETERS : PBKDF2_PARAMETERS);
  return `${parameters}$${b64(randomBytes(SALT_BYTES))}$${b64(randomBytes(HASH_BYTES))}`;
}

const DEFAULT_DECOY = decoyHash([]);

/** Whether `password` is the one of `passwordHash`; never with a NUL in it; with null, false after the work that `decoy` costs. */
export async function verifyPassword(
  password: string,
  passwordHash: string | null,
  decoy = DEFAULT_DECOY,
): Promise<boolean> {
  const parsed = parsePasswordHash(passwordHash ?? decoy);
  const computed = await compute(normalise(password), parsed);
  const equal = timingSafeEqual(computed, parsed.hash);
  computed.fill(0);
  // HMAC fills its key up with zero bytes: a password with NULs behind it has the same hash as without.
  return equal && passwordHash !== null && !password.includes('\0');
}

function compute(password: string, parsed: ParsedHash): Promise<Buffer> {
  const { salt, hash } = parsed;
  if (parsed.kind === 'pbkdf2-sha256') return pbkdf2Async(password, salt, parsed.iterations, hash.length, 'sha256');
  const { N, r, p } = parsed;
  return scryptAsync(password, salt, hash.length, { N, r, p, maxmem: MAX_SCRYPT_BYTES });
}

/** RFC 4252 §8 wants passwords normalised (SASLprep); NFC is what matters of it: the same text from any keyboard. */
function normalise(password: string): string {
  return password.normalize('NFC');
}
