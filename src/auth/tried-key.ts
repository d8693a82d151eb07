import type { Certificate } from '../crypto/certificates/certificate.ts';
import { fingerprintOf } from '../crypto/keys/public-key.ts';
import { SshReader } from '../wire/reader.ts';
import { WireError } from '../wire/wire-error.ts';

/** What a log says of a certificate. Where its CA is not trusted all of it is the client's word. */
export interface CertificateDescription {
  /** In decimal: it may be larger than a JSON number. */
  readonly serial: string;
  /** The first characters of it. */
  readonly keyId: string;
  readonly caFingerprint: string;
  /** What the CA signed it with. */
  readonly caSignatureAlgorithm: string;
}

/** A key as a client offered it, for the operator's log: also one that this server cannot read. */
export interface TriedKey {
  /** The signature algorithm that the client named. */
  readonly algorithm: string;
  /** The first field of the blob, such as `ssh-rsa`; null where there is none. The client's word. */
  readonly type: string | null;
  /** `SHA256:` and the hash of the blob, as `ssh-keygen -l` prints it; of a certificate that can be read: that of its key. */
  readonly fingerprint: string;
  /** Only of a certificate that can be read. `problem`: why it was refused, where the reason does not say all. */
  readonly certificate?: CertificateDescription & { readonly problem?: string };
}

/** As much of a certificate's text as logs have room for. */
const MAX_KEY_ID_CHARACTERS = 200;

/** Describes the public key blob (RFC 4253 §6.6) of an authentication request. Never throws. */
export function triedKey(algorithm: string, blob: Buffer): TriedKey {
  return { algorithm, type: typeOf(blob), fingerprint: fingerprintOf(blob) };
}

export function triedCertificate(algorithm: string, certificate: Certificate): TriedKey {
  const { type, publicKey } = certificate;
  return { algorithm, type, fingerprint: publicKey.fingerprint, certificate: describeCertificate(certificate) };
}

export function describeCertificate(certificate: Certificate): CertificateDescription {
  const { serial, keyId, caFingerprint, caSignatureAlgorithm } = certificate;
  return {
    ...{ serial: String(serial), keyId: keyId.slice(0, MAX_KEY_ID_CHARACTERS) },
    ...{ caFingerprint, caSignatureAlgorithm },
  };
}

function typeOf(blob: Buffer): string | null {
  try {
    return new SshReader(blob, 0).ascii(128);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}
