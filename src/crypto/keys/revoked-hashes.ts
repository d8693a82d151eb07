import { createHash } from 'node:crypto';

/** Hashes of public key blobs (RFC 4253 §6.6), in base64. A key that is listed itself is kept as its SHA-256 hash. */
export interface RevokedHashes {
  readonly sha1: Set<string>;
  readonly sha256: Set<string>;
}

export function sha1Of(blob: Buffer): string {
  return createHash('sha1').update(blob).digest('base64');
}

export function sha256Of(blob: Buffer): string {
  return createHash('sha256').update(blob).digest('base64');
}

export function hasKey({ sha1, sha256 }: RevokedHashes, blob: Buffer): boolean {
  return sha256.has(sha256Of(blob)) || (sha1.size > 0 && sha1.has(sha1Of(blob)));
}
