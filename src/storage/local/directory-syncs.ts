import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { DirectoryRef } from './directory-ref.ts';
import { errnoOf } from './errno.ts';
import { IN_THREADS } from './file-calls.ts';
import { GroupCommit } from './group-commit.ts';

const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;

const commits = new GroupCommit();

/**
 * So that the new names in it survive a power failure. Names that come while the directory is being synced share the next
 * sync. Some directories cannot be opened or synced: they do what they can. At once where there is no disk.
 */
export async function syncDirectory(directory: DirectoryRef): Promise<void> {
  if (directory.calls.inPlace) return;
  let fd: number;
  try {
    fd = directory.near ? openSync(directory.path('.'), FLAGS) : await IN_THREADS.open(directory.path('.'), FLAGS);
  } catch {
    return;
  }
  try {
    if (!directory.near) await IN_THREADS.sync(fd);
    else {
      const { dev, ino } = fstatSync(fd, { bigint: true });
      await commits.run(`${dev}:${ino}`, () => IN_THREADS.sync(fd));
    }
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EBADF', 'EACCES'].includes(errnoOf(error) ?? '')) throw error;
  } finally {
    if (directory.near) closeSync(fd);
    else await IN_THREADS.close(fd);
  }
}
