import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StorageError } from '../../object-store.ts';
import { isRunning, ownIdentity } from '../journal/process-identity.ts';

/** Process id, its start time as the system counts it, and a random part. */
const OWN_NAME = /^([1-9]\d{0,9})-(\d{0,20})-[0-9a-f]{24}\.latticeport-spool$/;

const PRIVATE = 0o700;

const SELF = ownIdentity();

/** A path for a new spool file of this process. */
export function newSpoolPath(directory: string): string {
  const { pid, start } = SELF;
  return join(directory, `${pid}-${start}-${randomBytes(12).toString('hex')}.latticeport-spool`);
}

/**
 * Makes the directory where it is missing, and removes what a crash between two system calls may have left in it. What
 * clients send lies in it, and it may be below one that everybody writes to, such as /tmp: so it must be a directory,
 * no symbolic link, of our own user, and its mode becomes 0700. Throws StorageError, whose detail names the directory.
 */
export async function prepareSpoolDirectory(directory: string): Promise<void> {
  try {
    // Without a trailing slash, which would make lstat(2) follow a link.
    const path = resolve(directory);
    await mkdir(path, { recursive: true, mode: PRIVATE });
    await makePrivate(path);
    await removeLeft(path);
  } catch (error) {
    throw new StorageError('failure', 'The spool directory cannot be used.', {
      cause: error,
      detail: `${directory}: ${(error as Error).message}`,
    });
  }
}

async function makePrivate(path: string): Promise<void> {
  const { getuid } = process;
  // Windows has neither owners nor modes of this kind.
  if (getuid === undefined) return;
  const found = await lstat(path);
  if (found.isSymbolicLink()) throw new Error('it is a symbolic link; name the directory itself');
  if (!found.isDirectory()) throw new Error('it is not a directory');
  const uid = getuid();
  if (found.uid !== uid) {
    throw new Error(`it belongs to user ${found.uid} and this server runs as ${uid}; name a directory of its own`);
  }
  if ((found.mode & 0o777) !== PRIVATE) await chmod(path, PRIVATE);
}

/** Files whose process has ended. A running one removes the name itself; another's files are not ours to touch. */
async function removeLeft(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    const [, pid, start] = OWN_NAME.exec(name) ?? [];
    if (pid === undefined || start === undefined) continue;
    if (isRunning({ host: SELF.host, pid: Number(pid), start }) === true) continue;
    try {
      if ((await lstat(join(path, name))).isFile()) await unlink(join(path, name));
    } catch (error) {
      // Another process of this server may have been quicker.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}
