// A CA for the tests, which can do everything wrong on purpose.
import type { CertificateRole } from '../../../src/crypto/certificates/certificate.ts';
import type { PrivateKey, PublicKey, SignatureAlgorithm } from '../../../src/crypto/keys/key.ts';
import { KEY_TYPES, type RegisteredKeyType } from '../../../src/crypto/keys/key-registry.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { SshWriter } from '../../../src/wire/writer.ts';

export interface CertificateFields {
  readonly type: string;
  readonly serial: bigint;
  readonly role: CertificateRole | number;
  readonly keyId: string | Buffer;
  readonly principals: readonly (string | Buffer)[];
  /** Seconds since the epoch. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly criticalOptions: readonly (readonly [name: string, data: Buffer])[];
  readonly extensions: readonly (readonly [name: string, data: Buffer])[];
  readonly caKeyBlob: Buffer;
  readonly caAlgorithm: SignatureAlgorithm;
  /** Put behind everything else. */
  readonly trailing: Buffer;
}

export const FOREVER = 0xffff_ffff_ffff_ffffn;

/** The data of an option that has a text. */
export function optionData(text: string): Buffer {
  return new SshWriter().string(text).finish();
}

/** A flag, or an option with a text. */
export function option(name: string, text?: string): readonly [string, Buffer] {
  return [name, text === undefined ? Buffer.alloc(0) : optionData(text)];
}

/** The blob of a certificate of `key`, signed by `ca`. What is left out is as it should be for the user alice. */
export async function makeCertificate(
  key: PublicKey,
  ca: PrivateKey,
  fields: Partial<CertificateFields> = {},
): Promise<Buffer> {
  const types: readonly RegisteredKeyType[] = KEY_TYPES;
  const suffix = types.find(({ name }) => name === key.type)?.certificateSuffix ?? '-cert';
  const plain = new SshReader(key.blob);
  plain.string();
  const { role = 'user', caAlgorithm = ca.publicKey.signatureAlgorithms[0] ?? 'ssh-ed25519' } = fields;
  const signed = new SshWriter(4096)
    .string(fields.type ?? `${key.type}${suffix}`)
    .string(Buffer.alloc(32, 7))
    .bytes(plain.rest())
    .bytes(uint64(fields.serial ?? 5n))
    .uint32(role === 'user' ? 1 : role === 'host' ? 2 : role)
    .string(fields.keyId ?? 'the key of alice')
    .string(strings(fields.principals ?? ['alice']))
    .bytes(uint64(fields.validAfter ?? 0n))
    .bytes(uint64(fields.validBefore ?? FOREVER))
    .string(pairs(fields.criticalOptions ?? []))
    .string(pairs(fields.extensions ?? [option('permit-pty')]))
    .string('')
    .string(fields.caKeyBlob ?? ca.publicKey.blob)
    .finish();
  const signature = await ca.sign(caAlgorithm, signed);
  return new SshWriter(signed.length + signature.length + 64)
    .bytes(signed)
    .string(signature)
    .bytes(fields.trailing ?? Buffer.alloc(0))
    .finish();
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

function strings(list: readonly (string | Buffer)[]): Buffer {
  const writer = new SshWriter();
  for (const each of list) writer.string(each);
  return writer.finish();
}

function pairs(list: readonly (readonly [string, Buffer])[]): Buffer {
  const writer = new SshWriter();
  for (const [name, data] of list) writer.string(name).string(data);
  return writer.finish();
}
