// Where the local store makes its calls, and that both places give the same answers.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { constants, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callsThatEnd, IN_PLACE, IN_THREADS, type FileCalls } from '../../src/storage/local/file-calls.ts';
import { fileSystemKind, freesInPlace, movesInPlace } from '../../src/storage/local/file-system-type.ts';
import { NearDirectories } from '../../src/storage/local/near-directories.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latticeport-calls-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('the kind of a file system', () => {
  const testInMemory = existsSync('/dev/shm') ? test : test.skip;

  testInMemory('tmpfs is memory', async () => {
    expect(await fileSystemKind('/dev/shm')).toBe('memory');
  });

  test('one that is not known, or does not tell, is far', async () => {
    expect(await fileSystemKind('/proc')).toBe('far');
    expect(await fileSystemKind(join(folder, 'nothing'))).toBe('far');
  });

  test('only the first 256 KiB of a file are moved in place', () => {
    expect(movesInPlace(0, 256 * KIB)).toBe(true);
    expect(movesInPlace(255 * KIB, KIB)).toBe(true);
    expect(movesInPlace(255 * KIB, KIB + 1)).toBe(false);
    expect(movesInPlace(MIB, 1)).toBe(false);
  });

  test('what frees more than 4 MiB is left to a thread', async () => {
    expect([freesInPlace(4 * MIB), freesInPlace(4 * MIB + 1)]).toEqual([true, false]);
    const file = join(folder, 'file');
    expect(await callsThatEnd(file, IN_PLACE)).toBe(IN_PLACE);
    await writeFile(file, 'small');
    expect(await callsThatEnd(file, IN_PLACE)).toBe(IN_PLACE);
    await truncate(file, 5 * MIB);
    expect(await callsThatEnd(file, IN_PLACE)).toBe(IN_THREADS);
    expect(await callsThatEnd(file, IN_THREADS)).toBe(IN_THREADS);
  });
});

describe.each<[string, FileCalls]>([
  ['in place', IN_PLACE],
  ['in threads', IN_THREADS],
])('calls %s', (_where, calls) => {
  test('do what they say', async () => {
    const at = (name: string): string => join(folder, name);
    await calls.mkdir(at('d'), 0o700);
    const fd = await calls.open(at('d/f'), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    await calls.chmod(fd, 0o640);
    await calls.utimes(fd, 1_000_000_000, 1_100_000_000);
    await calls.chown(fd, process.getuid?.() ?? -1, -1);
    await calls.sync(fd);
    const { mode, atimeMs, mtimeMs, ino } = await calls.stat(fd);
    expect([mode & 0o777, atimeMs, mtimeMs]).toEqual([0o640, 1e12, 1.1e12]);
    await calls.close(fd);
    await calls.link(at('d/f'), at('d/g'));
    expect((await calls.lstat(at('d/g')))?.ino).toBe(ino);
    await calls.rename(at('d/g'), at('h'));
    expect(await calls.lstat(at('d/g'))).toBeUndefined();
    await calls.access(at('h'), constants.R_OK);
    await calls.unlink(at('d/f'));
    await calls.rmdir(at('d'));
    expect(await calls.lstat(at('d'))).toBeUndefined();
    await symlink('h', at('link'));
    expect((await calls.lstat(at('link')))?.isSymbolicLink()).toBe(true);
  });

  test('reject with what the system says, and do not throw', async () => {
    await writeFile(join(folder, 'f'), '');
    const [missing, file] = [join(folder, 'missing'), join(folder, 'f')];
    const refused: [() => Promise<unknown>, string][] = [
      [() => calls.open(missing, constants.O_RDONLY), 'ENOENT'],
      [() => calls.lstat(join(file, 'below')), 'ENOTDIR'],
      [() => calls.link(missing, join(folder, 'x')), 'ENOENT'],
      [() => calls.link(file, file), 'EEXIST'],
      [() => calls.rename(missing, file), 'ENOENT'],
      [() => calls.unlink(missing), 'ENOENT'],
      [() => calls.mkdir(file, 0o700), 'EEXIST'],
      [() => calls.rmdir(file), 'ENOTDIR'],
      [() => calls.access(missing, constants.R_OK), 'ENOENT'],
    ];
    for (const [call, code] of refused) await expect(call()).rejects.toMatchObject({ code });
  });
});

describe('directories that are near', () => {
  test('are looked at by a thread first, and have mount points in them that are not', async () => {
    await mkdir(join(folder, 'd'));
    await writeFile(join(folder, 'f'), '');
    await symlink('d', join(folder, 'link'));
    const { dev } = await stat(folder);
    const mountInfo =
      `21 1 0:1 / / rw - ext4 /dev/a rw\n` +
      `22 21 0:2 / ${folder}/with\\040blank rw shared:1 - nfs host:/a rw\n` +
      `23 21 0:3 / ${folder}/caf\u00c3\u00a9 rw - tmpfs tmpfs rw\n`;
    let reads = 0;
    const near = new NearDirectories(dev, IN_PLACE, () => {
      reads += 1;
      return Promise.resolve(mountInfo);
    });
    expect(near.has(folder)).toBe(false);
    expect(await near.look(folder)).toBe(true);
    expect(near.has(folder)).toBe(true);
    expect(await near.look(join(folder, 'd'))).toBe(true);
    expect(reads).toBe(1);
    expect(await near.look(join(folder, 'f'))).toBe(false);
    expect(await near.look(join(folder, 'link'))).toBe(false);
    await expect(near.look(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(near.isMountPoint(join(folder, 'with blank'))).toBe(true);
    expect(near.isMountPoint(join(folder, 'café'))).toBe(true);
    expect(near.isMountPoint(join(folder, 'd'))).toBe(false);
    expect([near.holdsMountPoint(folder), near.holdsMountPoint(join(folder, 'd'))]).toEqual([true, false]);
    expect(await new NearDirectories(dev + 1, IN_PLACE).look(folder)).toBe(false);
  });

  test('the mount points of this machine are found', async () => {
    const mountInfo = await readFile('/proc/self/mountinfo', 'latin1').catch(() => undefined);
    if (mountInfo === undefined) return;
    const { dev } = await stat(folder);
    const near = new NearDirectories(dev, IN_PLACE);
    await near.look(folder);
    expect(near.isMountPoint('/proc')).toBe(true);
  });
});
