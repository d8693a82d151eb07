import { SshReader } from '../../wire/reader.ts';
import { WireError } from '../../wire/wire-error.ts';
import { RevocationListError } from './revocation-list-error.ts';
import { RevokedSerials } from './revoked-serials.ts';
import { sha256Of } from './revoked-hashes.ts';
import type { RevokedHashes } from './revoked-hashes.ts';

/**
 * OpenSSH's key revocation lists (PROTOCOL.krl), as `ssh-keygen -k` makes them.
 *
 *     "SSHKRL\n" NUL || uint32 1 || uint64 version || uint64 date || uint64 flags || string reserved || string comment
 *     || sections: byte type || string contents
 *
 *     1   certificates of one CA        string CA key, empty for any || string reserved || sections of their own:
 *         0x20  serials                 uint64, as often as there are
 *         0x21  a range of them         uint64 first || uint64 last
 *         0x22  a bitmap of them        uint64 offset || mpint
 *         0x23  key ids                 string, as often as there are
 *         0x39  an extension            string name || boolean critical || string contents
 *     2   keys                          string public blob, as often as there are
 *     3   SHA-1 hashes of keys          string of 20 bytes, as often as there are
 *     5   SHA-256 hashes of keys        string of 32 bytes, as often as there are
 *     4   a signature, after all others string key || string signature
 *     255 an extension                  string name || boolean critical || string contents
 *
 * No extension is known, so that a critical one is an error and another is passed over. Signatures, which OpenSSH neither makes
 * nor looks at, are passed over too: a list is trusted because of where it lies.
 */
const MAGIC = Buffer.from('SSHKRL\n\0', 'latin1');
const FORMAT_VERSION = 1;

const SECTION = { CERTIFICATES: 1, KEYS: 2, SHA1: 3, SIGNATURE: 4, SHA256: 5, EXTENSION: 255 } as const;
const CERTIFICATES = { SERIALS: 0x20, RANGE: 0x21, BITMAP: 0x22, KEY_IDS: 0x23, EXTENSION: 0x39 } as const;

/** What is revoked of the certificates of one CA. */
export interface RevokedCertificates {
  readonly serials: RevokedSerials;
  readonly keyIds: Set<string>;
}

export interface Krl {
  readonly keys: RevokedHashes;
  /** By the SHA-256 hash of the CA's key. */
  readonly certificates: ReadonlyMap<string, RevokedCertificates>;
  /** Whatever CA has signed them. */
  readonly certificatesOfAnyCa: RevokedCertificates;
}

export function isKrl(file: Buffer): boolean {
  return file.subarray(0, MAGIC.length).equals(MAGIC);
}

/** Throws RevocationListError. What it keeps may be views of the file. */
export function parseKrl(file: Buffer): Krl {
  try {
    return new KrlParser(new SshReader(file)).parse();
  } catch (error) {
    if (error instanceof WireError) throw new RevocationListError(`malformed KRL: ${error.message}`);
    throw error;
  }
}

class KrlParser implements Krl {
  readonly keys: RevokedHashes = { sha1: new Set(), sha256: new Set() };
  readonly certificates = new Map<string, RevokedCertificates>();
  readonly certificatesOfAnyCa: RevokedCertificates = noCertificates();
  readonly #reader: SshReader;

  constructor(reader: SshReader) {
    this.#reader = reader;
  }

  parse(): Krl {
    const reader = this.#reader;
    reader.bytes(MAGIC.length);
    const format = reader.uint32();
    if (format !== FORMAT_VERSION) throw new RevocationListError(`KRL of format ${format}, not ${FORMAT_VERSION}`);
    // Version, date and flags, of which none is defined.
    reader.bytes(24);
    reader.string();
    reader.string();
    let signed = false;
    while (reader.remaining > 0) {
      const type = reader.byte();
      const contents = reader.string();
      if (type === SECTION.SIGNATURE) {
        signed = true;
        reader.string();
      } else if (signed) {
        throw new RevocationListError('a section of the KRL comes after its signature');
      } else {
        this.#section(type, new SshReader(contents));
      }
    }
    return this;
  }

  #section(type: number, contents: SshReader): void {
    switch (type) {
      case SECTION.CERTIFICATES:
        this.#certificates(contents);
        return;
      case SECTION.KEYS:
        for (const blob of stringsOf(contents)) this.keys.sha256.add(sha256Of(blob));
        return;
      case SECTION.SHA1:
        addHashes(this.keys.sha1, contents, 20);
        return;
      case SECTION.SHA256:
        addHashes(this.keys.sha256, contents, 32);
        return;
      case SECTION.EXTENSION:
        passOver(contents);
        return;
      default:
        throw new RevocationListError(`section of type ${type} of a KRL is not known`);
    }
  }

  #certificates(contents: SshReader): void {
    const ca = contents.string();
    contents.string();
    const revoked = ca.length === 0 ? this.certificatesOfAnyCa : this.#certificatesOf(sha256Of(ca));
    while (contents.remaining > 0) addCertificates(revoked, contents.byte(), new SshReader(contents.string()));
  }

  #certificatesOf(ca: string): RevokedCertificates {
    const known = this.certificates.get(ca);
    if (known !== undefined) return known;
    const made = noCertificates();
    this.certificates.set(ca, made);
    return made;
  }
}

function addCertificates({ serials, keyIds }: RevokedCertificates, type: number, contents: SshReader): void {
  switch (type) {
    case CERTIFICATES.SERIALS:
      serials.addList(contents.rest());
      return;
    case CERTIFICATES.RANGE:
      serials.addRange(uint64(contents), uint64(contents));
      contents.end();
      return;
    case CERTIFICATES.BITMAP:
      serials.addBitmap(uint64(contents), contents.unsignedMpint());
      contents.end();
      return;
    case CERTIFICATES.KEY_IDS:
      for (const id of stringsOf(contents)) keyIds.add(id.toString('utf8'));
      return;
    case CERTIFICATES.EXTENSION:
      passOver(contents);
      return;
    default:
      throw new RevocationListError(`certificate section of type ${type} of a KRL is not known`);
  }
}

function noCertificates(): RevokedCertificates {
  return { serials: new RevokedSerials(), keyIds: new Set() };
}

/** All strings up to the end. */
function* stringsOf(contents: SshReader): Generator<Buffer> {
  while (contents.remaining > 0) yield contents.string();
}

function addHashes(hashes: Set<string>, contents: SshReader, bytes: number): void {
  for (const hash of stringsOf(contents)) {
    if (hash.length !== bytes) throw new RevocationListError(`hash of ${hash.length} bytes in a KRL, not ${bytes}`);
    hashes.add(hash.toString('base64'));
  }
}

function passOver(extension: SshReader): void {
  const name = extension.string();
  const critical = extension.boolean();
  extension.string();
  extension.end();
  if (critical) {
    const shown = JSON.stringify(name.subarray(0, 64).toString('latin1'));
    throw new RevocationListError(`the KRL needs the extension ${shown}, which is not known`);
  }
}

function uint64(reader: SshReader): bigint {
  return reader.bytes(8).readBigUInt64BE();
}
