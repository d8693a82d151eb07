import { createHash } from 'node:crypto';
import { SshReader } from '../wire/reader.ts';
import { WireError } from '../wire/wire-error.ts';

/** A key as a client offered it, for the operator's log: also one that this server cannot read. */
export interface TriedKey {
  /** The signature algorithm that the client named. */
  readonly algorithm: string;
  /** The first field of the blob, such as `ssh-rsa`; null where there is none. The client's word. */
  readonly type: string | null;
  /** `SHA256:` and the hash of the blob, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** Describes the public key blob (RFC 4253 §6.6) of an authentication request. Never throws. */
export function triedKey(algorithm: string, blob: Buffer): TriedKey {
  const hash = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
  return { algorithm, type: typeOf(blob), fingerprint: `SHA256:${hash}` };
}

function typeOf(blob: Buffer): string | null {
  try {
    return new SshReader(blob, 0).ascii(128);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}
