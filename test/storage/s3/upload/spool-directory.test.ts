import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { StorageError } from '../../../../src/storage/object-store.ts';
import { newSpoolPath, prepareSpoolDirectory } from '../../../../src/storage/s3/upload/spool-directory.ts';
import { SpoolSpace } from '../../../../src/storage/s3/upload/spool.ts';

const RANDOM = '0123456789abcdef01234567';
const withOwners = process.getuid === undefined ? test.skip : test;

describe('the spool directory', () => {
  let base: string;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'latticeport-spool-directory-'));
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await rm(base, { recursive: true, force: true });
  });

  const mode = async (path: string) => ((await lstat(path)).mode & 0o777).toString(8);
  const refused = async (path: string, why: RegExp) => {
    const error = await prepareSpoolDirectory(path).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StorageError);
    expect((error as StorageError).detail).toContain(path);
    expect((error as StorageError).detail).toMatch(why);
    // What clients may see names no path.
    expect((error as StorageError).message).not.toContain(base);
  };

  withOwners('is made with its parents, for nobody else', async () => {
    await prepareSpoolDirectory(join(base, 'a', 'b'));
    expect(await mode(join(base, 'a', 'b'))).toBe('700');
  });

  withOwners('becomes private where it is ours and open to others', async () => {
    const path = join(base, 'open');
    await mkdir(path);
    await chmod(path, 0o777);
    await prepareSpoolDirectory(path);
    expect(await mode(path)).toBe('700');
  });

  withOwners.each(['', '/'])('may not be a symbolic link, written with "%s" behind it', async (slash) => {
    await mkdir(join(base, 'elsewhere'), { mode: 0o755 });
    await symlink(join(base, 'elsewhere'), join(base, 'link'));
    await refused(join(base, 'link') + slash, /symbolic link/);
    expect(await mode(join(base, 'elsewhere'))).toBe('755');
  });

  test('may not be a file', async () => {
    await writeFile(join(base, 'file'), '');
    await refused(join(base, 'file'), /EEXIST|not a directory/);
  });

  withOwners("may not be another user's", async () => {
    const path = join(base, 'other');
    await mkdir(path, { mode: 0o755 });
    const { uid } = await lstat(path);
    jest.spyOn(process, 'getuid').mockReturnValue(uid + 1);
    await refused(path, new RegExp(`belongs to user ${uid} `));
    expect(await mode(path)).toBe('755');
  });

  test('loses at start the files of processes that have ended, and no others', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    const left = `${child.pid}-1-${RANDOM}.latticeport-spool`;
    const reused = `${process.pid}-1-${RANDOM}.latticeport-spool`;
    const kept = [
      basename(newSpoolPath(base)),
      'report.latticeport-spool',
      `${child.pid}-1-${RANDOM}.latticeport-spool.txt`,
    ];
    const directory = `${child.pid}-2-${RANDOM}.latticeport-spool`;
    for (const name of [left, reused, ...kept]) await writeFile(join(base, name), 'x');
    await mkdir(join(base, directory));
    await prepareSpoolDirectory(base);
    const names = await readdir(base);
    expect(names.filter((name) => name !== reused).sort()).toEqual([...kept, directory].sort());
    // Where the system tells when a process began, one of the same id is known to be another.
    if (process.platform === 'linux') expect(names).not.toContain(reused);
  });

  test('shows no name of a file in use', async () => {
    const space = await SpoolSpace.open({ directory: base, maxBytes: 1000 });
    const file = await space.create();
    expect(await readdir(base)).toEqual([]);
    await file.close();
  });
});
