import { diffieHellman } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** Node 22 ignores the callback and returns the secret. */
const computeSecret: (
  options: { privateKey: KeyObject; publicKey: KeyObject },
  callback: (error: Error | null, secret: Buffer) => void,
) => unknown = diffieHellman;

/**
 * The secret of a finite-field or elliptic-curve Diffie-Hellman, off the event loop where this Node can (22 computes at
 * once). Rejects with OpenSSL's error. The caller overwrites the secret after use.
 */
export function agreeInThread(privateKey: KeyObject, publicKey: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const immediate = computeSecret({ privateKey, publicKey }, (error, secret) => {
      if (error) reject(error);
      else resolve(secret);
    });
    if (Buffer.isBuffer(immediate)) resolve(immediate);
  });
}
