import { KEY_TYPES } from '../keys/key-registry.ts';
import type { KeyType, RegisteredKeyType, SignatureAlgorithm } from '../keys/key-registry.ts';
import type { SignatureFacts } from './facts.ts';

export interface HostKeyAlgorithm extends SignatureFacts<SignatureAlgorithm> {
  readonly kind: 'hostKey';
  /** The key type that signs with it: one RSA key serves three algorithms (RFC 8332 §3). */
  readonly keyType: KeyType;
}

/** What the key types sign with, in the order of the registry. The facts stand in the types' own files. */
export const HOST_KEY_ALGORITHMS: readonly HostKeyAlgorithm[] = KEY_TYPES.flatMap(rowsOf);

function rowsOf({ name: keyType, signatures }: RegisteredKeyType): HostKeyAlgorithm[] {
  return signatures.map((facts) => ({ kind: 'hostKey', keyType, ...facts }));
}
