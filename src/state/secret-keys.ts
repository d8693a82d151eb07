import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MAX_KEY_FILE_BYTES, MAX_SECRET_KEYS } from './limits.ts';
import { SECRET_KEY_SIZE, SecretBox, secretKeyOf, type SecretKey } from './secret-box.ts';

/** Where the keys are: a file of lines, or a variable of the environment with the same lines, or spaces between the keys. */
export type SecretKeySource =
  { readonly type: 'file'; readonly file: string } | { readonly type: 'environment'; readonly variable: string };

/** The keys cannot be used. The message names the file or variable and the line, and holds nothing of a key. */
export class SecretKeyError extends Error {
  override readonly name = 'SecretKeyError';
}

/**
 * Reads the keys. A line is `id:key`, the key being 32 bytes in base64 or hexadecimal. The first line's encrypts, all decrypt. Empty lines and those
 * that begin with # count for nothing. @throws SecretKeyError
 */
export function loadSecretBox(source: SecretKeySource): SecretBox {
  if (source.type === 'file') {
    const text = readKeyFile(source.file);
    try {
      return new SecretBox(parseKeys(text.toString('latin1').split('\n'), source.file), source.file);
    } finally {
      text.fill(0);
    }
  }
  const where = `the environment's ${source.variable}`;
  const text = process.env[source.variable];
  if (text === undefined) throw new SecretKeyError(`${where} is not set`);
  return new SecretBox(parseKeys(linesOfVariable(text), where), where);
}

/** Not everything that sets variables can set one of several lines. In a comment spaces separate nothing. */
function linesOfVariable(text: string): string[] {
  return text.split('\n').flatMap((line) => (line.trim().startsWith('#') ? [''] : line.trim().split(/\s+/)));
}

/**
 * Makes a file with one new key, readable by its owner only, where there is no such file. A directory that is made for it
 * is its owner's, too. Of two processes that do it at once one makes the file.
 * @returns whether it was made here
 * @throws SecretKeyError
 */
export function makeSecretKeyFile(file: string): boolean {
  // A mounted secret is there, and its directory may be read-only.
  if (existsSync(file)) return false;
  const key = randomBytes(SECRET_KEY_SIZE);
  const suffix = randomBytes(4).toString('hex');
  // Linked to its name when it is whole: nobody reads half a key.
  const unnamed = `${file}.${suffix}`;
  const line = Buffer.from(`k${suffix}:${key.toString('base64')}\n`, 'latin1');
  key.fill(0);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const descriptor = openSync(unnamed, 'wx', 0o600);
    try {
      writeSync(descriptor, line);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    const made = linkWhereFree(unnamed, file);
    syncDirectory(dirname(file));
    return made;
  } catch (error) {
    throw new SecretKeyError(`${file} cannot be made: ${(error as Error).message}`);
  } finally {
    line.fill(0);
  }
}

/** Gives the file its name where nobody has it, and takes away the first one. */
function linkWhereFree(unnamed: string, file: string): boolean {
  try {
    linkSync(unnamed, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(unnamed);
  }
}

/** A secret that is encrypted with a key that a power cut has taken is lost. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readKeyFile(file: string): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    throw new SecretKeyError(`${file} cannot be read: ${(error as Error).message}`);
  }
  try {
    const { mode, uid, size } = fstatSync(descriptor);
    // A file of somebody else's (a secret that root mounts into a container) may be readable by its group: so we read it.
    if ((mode & (uid === process.getuid?.() ? 0o077 : 0o007)) !== 0) {
      throw new SecretKeyError(`${file} can be read by others: run chmod 600 on it`);
    }
    if (size > MAX_KEY_FILE_BYTES) throw new SecretKeyError(`${file} has more than ${MAX_KEY_FILE_BYTES} bytes`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function parseKeys(lines: readonly string[], where: string): SecretKey[] {
  const keys: SecretKey[] = [];
  for (const [index, line] of lines.entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const at = `${where}, line ${index + 1}`;
    const [, id, encoded] = /^([A-Za-z0-9._-]{1,64}):(\S+)$/.exec(text) ?? [];
    if (id === undefined || encoded === undefined) {
      throw new SecretKeyError(`${at}: id:key is expected, the id being letters, digits, ".", "_" and "-"`);
    }
    if (keys.some((key) => key.id === id)) throw new SecretKeyError(`${at}: there are two keys "${id}"`);
    if (keys.length === MAX_SECRET_KEYS) throw new SecretKeyError(`${where} has more than ${MAX_SECRET_KEYS} keys`);
    const bytes = decodeKey(encoded);
    if (bytes === null) {
      throw new SecretKeyError(`${at}: ${SECRET_KEY_SIZE} bytes in base64 or hexadecimal are expected after "${id}:"`);
    }
    keys.push(secretKeyOf(id, bytes));
  }
  if (keys.length === 0) throw new SecretKeyError(`${where} holds no key`);
  return keys;
}

function decodeKey(encoded: string): Buffer | null {
  if (/^[0-9a-fA-F]{64}$/.test(encoded)) return Buffer.from(encoded, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(encoded)) return null;
  return Buffer.from(encoded, 'base64');
}
