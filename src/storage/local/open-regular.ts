import { accessSync, constants, fstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { access } from 'node:fs/promises';
import { closeDescriptor, openDescriptor, statDescriptor } from './descriptor.ts';
import { checkRegular } from './local-entry.ts';
import type { Place } from './path-resolver.ts';

/** O_NONBLOCK: the open of a pipe that was put there just now does not wait for a writer. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Opens what is at the place for reading. Throws unless it is a regular file, whatever was seen there before. */
export async function openRegular({ directory, name }: Place): Promise<{ fd: number; stats: Stats }> {
  const fd = await openDescriptor(directory.path(name), READ_FLAGS);
  try {
    const stats = directory.near ? fstatSync(fd) : await statDescriptor(fd);
    checkRegular(stats);
    return { fd, stats };
  } catch (error) {
    await closeDescriptor(fd);
    throw error;
  }
}

/** access(2): throws where we have not all the rights of `mode` (W_OK, X_OK). */
export async function checkAccess({ directory, name }: Place, mode: number): Promise<void> {
  if (directory.near) accessSync(directory.path(name), mode);
  else await access(directory.path(name), mode);
}
