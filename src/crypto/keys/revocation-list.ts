import { isKrl, parseKrl } from './krl.ts';
import type { Krl, RevokedCertificates } from './krl.ts';
import { RevocationListError } from './revocation-list-error.ts';
import { hasKey, sha256Of } from './revoked-hashes.ts';
import { parseRevokedKeyLines } from './revoked-key-lines.ts';
import { RevokedSerials } from './revoked-serials.ts';

export { RevocationListError };

/** What a revocation list asks of a certificate. The blobs are public key blobs (RFC 4253 §6.6). */
export interface RevocableCertificate {
  readonly caKeyBlob: Buffer;
  /** As the CA gave it: 0 where it counts none. */
  readonly serial: bigint;
  readonly keyId: string;
  /** Of the plain key that the certificate is for. */
  readonly keyBlob: Buffer;
  readonly certificateBlob: Buffer;
}

export interface RevocationList {
  /** Whether the plain key is revoked. */
  revokesKey(blob: Buffer): boolean;
  /** Whether the certificate is revoked: itself, its key, or the key of the CA that signed it. */
  revokesCertificate(certificate: RevocableCertificate): boolean;
}

/** The longest file, in bytes: a KRL with the hashes of 400,000 keys. What is kept of a file is a small multiple of its length. */
export const MAX_REVOCATION_LIST_BYTES = 16 * 1024 * 1024;

export const NOTHING_REVOKED: RevocationList = { revokesKey: () => false, revokesCertificate: () => false };

/**
 * Reads a revocation list: a KRL of OpenSSH, or lines of public keys and fingerprints.
 * @throws RevocationListError for a file that is too long, malformed, or asks for what is not known
 */
export function parseRevocationList(file: Buffer): RevocationList {
  if (file.length > MAX_REVOCATION_LIST_BYTES) {
    throw new RevocationListError(`longer than ${MAX_REVOCATION_LIST_BYTES} bytes`);
  }
  if (isKrl(file)) return new KrlRevocations(parseKrl(file));
  return new KrlRevocations({
    keys: parseRevokedKeyLines(file),
    certificates: new Map(),
    certificatesOfAnyCa: { serials: new RevokedSerials(), keyIds: new Set() },
  });
}

/** What one of the lists revokes. */
export function revokedByAny(lists: readonly RevocationList[]): RevocationList {
  return {
    revokesKey: (blob) => lists.some((list) => list.revokesKey(blob)),
    revokesCertificate: (certificate) => lists.some((list) => list.revokesCertificate(certificate)),
  };
}

class KrlRevocations implements RevocationList {
  readonly #krl: Krl;

  constructor(krl: Krl) {
    this.#krl = krl;
  }

  revokesKey(blob: Buffer): boolean {
    return hasKey(this.#krl.keys, blob);
  }

  revokesCertificate(certificate: RevocableCertificate): boolean {
    const { caKeyBlob, keyBlob, certificateBlob } = certificate;
    if ([keyBlob, caKeyBlob, certificateBlob].some((blob) => this.revokesKey(blob))) return true;
    const { certificates, certificatesOfAnyCa } = this.#krl;
    const ofCa = certificates.get(sha256Of(caKeyBlob));
    return [ofCa, certificatesOfAnyCa].some((revoked) => revoked !== undefined && names(revoked, certificate));
  }
}

function names({ serials, keyIds }: RevokedCertificates, { serial, keyId }: RevocableCertificate): boolean {
  // A CA that gives no serials gives 0 to all: no list means all of them by it (PROTOCOL.krl; ssh-keygen refuses to list it).
  return keyIds.has(keyId) || (serial !== 0n && serials.has(serial));
}
