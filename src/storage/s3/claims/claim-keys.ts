import { createHash } from 'node:crypto';
import type { StorePath } from '../../object-store.ts';
import { nameOf, parentOf } from '../../store-path.ts';
import { MAX_KEY_BYTES, type KeySpace } from '../mapping/keys.ts';

const FOLDER = 'claims';

/** Before the last segment: there are stores in which no key can be the beginning of another's path. */
const MARK = '=';

/** `=#` and a SHA-256 in hexadecimal. */
const HASHED_BYTES = 2 + 64;

/**
 * The key of the claim on a path. It has the path in it, so that one listing tells what is claimed in a directory, however
 * deep. Where that is too long for a key, a hash stands under the nearest directory that has room for it. Throws as
 * `fileKey` for what is no name of a file or directory.
 */
export function claimKey(keys: KeySpace, path: StorePath): string {
  if (path !== '') keys.fileKey(path);
  const plain = claimPrefix(keys, parentOf(path), 0) + MARK + nameOf(path);
  if (Buffer.byteLength(plain) <= MAX_KEY_BYTES) return plain;
  const hash = createHash('sha256').update(path).digest('hex');
  return `${claimPrefix(keys, parentOf(path))}${MARK}#${hash}`;
}

/** What the keys of all claims in a directory begin with; those of others may begin so too where the path is very long. */
export function claimPrefix(keys: KeySpace, directory: StorePath, room = HASHED_BYTES): string {
  const segments = directory === '' ? [] : [directory];
  const prefix = `${keys.reservedKey(FOLDER, ...segments)}/`;
  if (room === 0 || directory === '' || Buffer.byteLength(prefix) + room <= MAX_KEY_BYTES) return prefix;
  return claimPrefix(keys, parentOf(directory), room);
}
