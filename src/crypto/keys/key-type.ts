import type { KeyObject } from 'node:crypto';
import type { SshReader } from '../../wire/reader.ts';
import type { SshWriter } from '../../wire/writer.ts';
import type { SignatureFacts } from '../algorithms/facts.ts';

/** A public key as its type sees it: what `PublicKey` is made of. */
export interface VerifyingKey<Algorithm extends string = string> {
  /** The size that people know the key by: of the curve, of the modulus. */
  readonly bits: number;
  /**
   * Verifies what follows the algorithm's name in an SSH signature. Called with algorithms of the type alone. May throw for a
   * malformed signature: it then counts as wrong.
   */
  verify(algorithm: Algorithm, signature: Buffer, data: Buffer): boolean;
}

/** A private key as its type sees it: what `PrivateKey` is made of. The key may be a KeyObject, a seed, two of them. */
export interface SigningKey<Algorithm extends string = string> {
  /** Writes what follows the type's name in the public blob. */
  writePublic(writer: SshWriter): void;
  /** Writes what stands between the type's name and the comment in the private part of an openssh-key-v1 file. */
  writePrivate(writer: SshWriter): void;
  /**
   * Makes what follows the algorithm's name in an SSH signature. Called with algorithms of the type alone. Whatever takes
   * milliseconds runs off the event loop and returns a promise.
   */
  sign(algorithm: Algorithm, data: Buffer): Buffer | Promise<Buffer>;
}

/** What `keygen` must know of a type. */
export interface KeygenFacts<Generated extends string = string> {
  /** The name that `generatePrivateKey` takes: "ecdsa-256". */
  readonly name: Generated;
  /** The word after `--type`. Types that share one are told apart by `--bits`. */
  readonly option: string;
  /** The one size of the type, or those to choose from, in bits. */
  readonly bits: number | { readonly min: number; readonly max: number; readonly default: number };
  /** The usual name of a file with a host key of the type. */
  readonly hostKeyFile: string;
}

/** OpenSSH's own certificates (PROTOCOL.certkeys), and those of types that have a name without a domain. */
export type CertificateSuffix = '-cert-v01@openssh.com' | '-cert';

/**
 * All that the product knows of one key type, each in its own file. A type joins by a row of key-registry.ts, and then can
 * be parsed, written, generated, used for host keys and user keys, and named in policies; nothing else asks for types by name.
 */
export interface KeyTypeDefinition<
  Name extends string = string,
  Algorithm extends string = string,
  Generated extends string = string,
> {
  /** As it stands in a public key blob (RFC 4253 §6.6). */
  readonly name: Name;
  /** The signature algorithms of the type, the strongest first: rows of the table of host key algorithms. */
  readonly signatures: readonly SignatureFacts<Algorithm>[];
  readonly keygen: KeygenFacts<Generated>;
  /**
   * What stands behind the names of the type and of its signature algorithms where a certificate is used; null where nobody
   * has defined certificates of the type.
   */
  readonly certificateSuffix: CertificateSuffix | null;
  /**
   * Reads what follows the name in a public blob, and no more: in a certificate other fields come after it. Throws WireError
   * or KeyFormatError.
   */
  readPublic(reader: SshReader): VerifyingKey<Algorithm>;
  /**
   * Reads what stands between the type's name and the comment in the private part of an openssh-key-v1 file. Throws WireError
   * or KeyFormatError. What it keeps is a copy: the caller overwrites the buffer.
   */
  readPrivate(reader: SshReader): SigningKey<Algorithm>;
  /** For private keys in PEM, which OpenSSL reads. Null for a key of another type, and where the type has no PEM form. */
  fromKeyObject(privateKey: KeyObject): SigningKey<Algorithm> | null;
  /** For private keys in PKCS#8 of types that the OpenSSL under Node may not know. Null for a key of another type. Throws KeyFormatError. */
  readonly fromPkcs8?: (der: Buffer) => SigningKey<Algorithm> | null;
  /**
   * @param bits only where `keygen.bits` leaves a choice
   * @throws RangeError for bits outside it
   */
  generate(bits?: number): SigningKey<Algorithm>;
  /** The same, off the event loop, of types where it takes longer than a few milliseconds. */
  readonly generateOffLoop?: (bits?: number) => Promise<SigningKey<Algorithm>>;
}
