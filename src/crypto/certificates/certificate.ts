import { SshReader } from '../../wire/reader.ts';
import { WireError } from '../../wire/wire-error.ts';
import { SshWriter } from '../../wire/writer.ts';
import { KeyFormatError } from '../keys/key-format-error.ts';
import { keyTypeNamed } from '../keys/key-registry.ts';
import type { RegisteredKeyType, SignatureAlgorithm } from '../keys/key-registry.ts';
import type { PublicKey } from '../keys/key.ts';
import { fingerprintOf, publicKeyOf } from '../keys/public-key.ts';
import { certifiedKeyType } from './certificate-names.ts';

/** Whose key a certificate is for. */
export type CertificateRole = 'user' | 'host';

/**
 * An OpenSSH certificate (PROTOCOL.certkeys): a public key, what it is for, and the signature of an authority (CA).
 *
 *     string type || string nonce || fields of the key type || uint64 serial || uint32 role || string key id
 *     || string principals || uint64 valid after || uint64 valid before || string critical options || string extensions
 *     || string reserved || string CA key || string signature
 *
 * To have parsed one means nothing: who trusts it has asked `isSignedBy`, and for its role, principals, times and options.
 */
export interface Certificate {
  /** As it stands in the blob: `ssh-ed25519-cert-v01@openssh.com`. */
  readonly type: string;
  /** Exactly as received. */
  readonly blob: Buffer;
  /** The key in it, as if it had come alone. */
  readonly publicKey: PublicKey;
  readonly serial: bigint;
  readonly role: CertificateRole;
  /** Free text of the CA, for logs. */
  readonly keyId: string;
  /** Names of users or hosts. With none it is for nobody. */
  readonly principals: readonly string[];
  /** Seconds since the epoch: from the first on, and before the second. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** By name. Who does not know one of them must not accept the certificate. */
  readonly criticalOptions: ReadonlyMap<string, Buffer>;
  readonly extensions: ReadonlyMap<string, Buffer>;
  /** Of a type that the registry has; not looked into. */
  readonly caKeyBlob: Buffer;
  readonly caFingerprint: string;
  /** What the CA says that it signed with. */
  readonly caSignatureAlgorithm: string;
  /**
   * Whether it has the signature of this CA, made with one of `allowed`. Signatures with SHA-1 never count: whoever finds a
   * collision could ask for a harmless certificate and have the signature of another one.
   */
  isSignedBy(caKey: PublicKey, allowed: readonly SignatureAlgorithm[]): boolean;
}

const MAX_NAME_BYTES = 64;

/** As many as OpenSSH takes. */
const MAX_PRINCIPALS = 256;

/** Of options, and of extensions. OpenSSH writes six of the latter; any number may be added by hand. */
const MAX_OPTIONS = 128;

/** How the two roles are numbered. */
const ROLES: ReadonlyMap<number, CertificateRole> = new Map([
  [1, 'user'],
  [2, 'host'],
]);

/**
 * Parses a certificate of any type of the registry, strictly: nothing may follow it, no option may be there twice. The
 * signature is not verified. The work is proportional to the length of `blob`, which the caller bounds. Throws
 * KeyFormatError.
 */
export function parseCertificate(blob: Buffer): Certificate {
  try {
    return read(Buffer.from(blob));
  } catch (error) {
    if (error instanceof WireError)
      throw new KeyFormatError(`malformed certificate: ${error.message}`, { cause: error });
    throw error;
  }
}

function read(blob: Buffer): Certificate {
  const reader = new SshReader(blob);
  const type = reader.ascii(MAX_NAME_BYTES);
  const keyType = certifiedKeyType(type);
  if (keyType === undefined) throw new KeyFormatError(`${JSON.stringify(type)} is no type of certificate`);
  reader.string(); // the nonce
  const publicKey = readKey(keyType, reader);
  const serial = readUint64(reader);
  const role = ROLES.get(reader.uint32());
  if (role === undefined) throw new KeyFormatError('certificate is for neither a user nor a host');
  const keyId = readText(reader, 'key id');
  const principals = readPrincipals(reader.string());
  const validAfter = readUint64(reader);
  const validBefore = readUint64(reader);
  const criticalOptions = readOptions(reader.string());
  const extensions = readOptions(reader.string());
  reader.string(); // reserved, and to be ignored
  const caKeyBlob = reader.string();
  checkCaType(caKeyBlob);
  const signed = reader.slice(0, reader.offset);
  const signature = reader.string();
  reader.end();
  const caSignatureAlgorithm = new SshReader(signature).ascii(MAX_NAME_BYTES);
  return {
    ...{ type, blob, publicKey, serial, role, keyId, principals, validAfter, validBefore, criticalOptions, extensions },
    ...{ caKeyBlob, caFingerprint: fingerprintOf(caKeyBlob), caSignatureAlgorithm },
    isSignedBy(caKey, allowed): boolean {
      const algorithm = allowed.find((name) => name === caSignatureAlgorithm);
      if (algorithm === undefined || signsSha1(caKey, algorithm) || !caKey.blob.equals(caKeyBlob)) return false;
      return caKey.verify(algorithm, signature, signed);
    },
  };
}

/** The fields of the key, which are those of its public blob (RFC 4253 §6.6) but for the name in front. */
function readKey(type: RegisteredKeyType, reader: SshReader): PublicKey {
  const start = reader.offset;
  const key = type.readPublic(reader);
  const fields = reader.slice(start, reader.offset);
  return publicKeyOf(type, new SshWriter(fields.length + 64).string(type.name).bytes(fields).finish(), key);
}

/** Key types of which a certificate can be made, and no certificates: a chain would have no end. */
function checkCaType(caKeyBlob: Buffer): void {
  const name = new SshReader(caKeyBlob).ascii(MAX_NAME_BYTES);
  if (certifiedKeyType(name) !== undefined) throw new KeyFormatError('the CA of the certificate is a certificate');
  if (keyTypeNamed(name) === undefined) {
    throw new KeyFormatError(`key type ${JSON.stringify(name)} of the CA is not supported`);
  }
}

function signsSha1({ type }: PublicKey, algorithm: SignatureAlgorithm): boolean {
  return keyTypeNamed(type)?.signatures.find(({ name }) => name === algorithm)?.hash === 'sha1';
}

function readUint64(reader: SshReader): bigint {
  return reader.bytes(8).readBigUInt64BE();
}

/** Names are compared, and so must be what they look like: UTF-8, without a NUL. */
function readText(reader: SshReader, what: string): string {
  const text = reader.utf8();
  if (text.includes('\0')) throw new KeyFormatError(`${what} of the certificate has a NUL`);
  return text;
}

/** `string` after `string`. */
function readPrincipals(list: Buffer): string[] {
  const reader = new SshReader(list);
  const principals: string[] = [];
  while (reader.remaining > 0) {
    if (principals.length === MAX_PRINCIPALS) {
      throw new KeyFormatError(`certificate has more than ${MAX_PRINCIPALS} principals`);
    }
    principals.push(readText(reader, 'principal'));
  }
  return principals;
}

/** `string` name and `string` data, again and again. */
function readOptions(list: Buffer): Map<string, Buffer> {
  const reader = new SshReader(list);
  const options = new Map<string, Buffer>();
  while (reader.remaining > 0) {
    if (options.size === MAX_OPTIONS) throw new KeyFormatError(`certificate has more than ${MAX_OPTIONS} options`);
    const name = readText(reader, 'option');
    if (options.has(name)) throw new KeyFormatError(`certificate has the option ${JSON.stringify(name)} twice`);
    options.set(name, reader.string());
  }
  return options;
}

/** The text in the data of an option, which is a `string` once more. Throws KeyFormatError. */
export function optionText(data: Buffer): string {
  try {
    const reader = new SshReader(data);
    const text = reader.utf8();
    reader.end();
    return text;
  } catch (error) {
    if (error instanceof WireError) throw new KeyFormatError(`malformed option: ${error.message}`, { cause: error });
    throw error;
  }
}

/** How the times of a certificate stand to `now`, in milliseconds since the epoch. */
export function validityAt(
  { validAfter, validBefore }: Pick<Certificate, 'validAfter' | 'validBefore'>,
  now: number,
): 'valid' | 'not-yet-valid' | 'expired' {
  const seconds = BigInt(Math.floor(now / 1000));
  if (seconds < validAfter) return 'not-yet-valid';
  return seconds < validBefore ? 'valid' : 'expired';
}

/** ECMA-262 §21.4.1.1: the last moment that a Date can be, in seconds. */
const LAST_DATE_SECONDS = 8_640_000_000_000n;

/** A time of a certificate for people: ISO 8601, or "forever" where there is no end that a calendar has. */
export function timeInWords(seconds: bigint): string {
  if (seconds > LAST_DATE_SECONDS) return 'forever';
  return new Date(Number(seconds) * 1000).toISOString().replace('.000', '');
}
