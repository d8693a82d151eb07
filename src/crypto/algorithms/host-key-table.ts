import { KEY_TYPES } from '../keys/key-registry.ts';
import type { RegisteredKeyType } from '../keys/key-registry.ts';
import type { HostKeyAlgorithm } from './facts.ts';

/** What the key types sign with, in the order of the registry. The facts stand in the types' own files. */
export const HOST_KEY_ALGORITHMS: readonly HostKeyAlgorithm[] = KEY_TYPES.flatMap(rowsOf);

function rowsOf({ name: keyType, signatures }: RegisteredKeyType): HostKeyAlgorithm[] {
  return signatures.map((facts) => ({ kind: 'hostKey', keyType, ...facts }));
}
