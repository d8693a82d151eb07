import type { StorePath } from '../../src/storage/object-store.ts';

/** Whatever a test says, taken for a store path: what is none, a store has to refuse at its door. */
export function storePath(text: string): StorePath {
  return text as StorePath;
}
