// rclone: copy, check, sync, move and purge. It uploads under another name and renames, compares by size and time, and so
// needs the time that it set to be there.
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { findPeer, missingPeer } from '../peers/peers.ts';
import type { Finished } from '../peers/process.ts';
import { mustRun } from '../peers/process.ts';
import { expectSameBytes, pattern } from '../storage/contract/store-driver.ts';
import type { ClientsSite } from './clients-site.ts';
import { describeOnStores, filesBelow, makeTree } from './clients-site.ts';

jest.setTimeout(120_000);

const rclone = findPeer('rclone');

describeOnStores('rclone', missingPeer('rclone'), (site) => {
  let source: string;
  let files: Map<string, Buffer>;

  const run = async (...words: string[]): Promise<Finished> => {
    const config = path.join(site().server.folder, 'rclone.conf');
    writeFileSync(config, configuration(site()));
    return mustRun(
      [...(rclone?.command ?? []), ...words, '--config', config, '-v', '--retries', '1', '--low-level-retries', '1'],
      { timeoutMs: 100_000 },
    );
  };
  /** Which files a call moved bytes of, as the server saw it. */
  const transferred = async (...words: string[]): Promise<string[]> => {
    const from = site().server.log.length;
    await run(...words);
    return site()
      .opened(from)
      .map((message) => message.replace(/^OPEN \/tree\//, '').replace(/\.[0-9a-f]{8}\.partial$/, ''))
      .sort();
  };
  const touch = (name: string, seconds: number): void => {
    utimesSync(path.join(source, name), seconds, seconds);
  };
  const expectStored = async (): Promise<void> => {
    await site().expectFiles('tree', files);
    for (const name of files.keys()) {
      const { mtimeMs } = statSync(path.join(source, name));
      expect({ name, mtime: await site().mtime(path.join('tree', name)) }).toEqual({
        name,
        mtime: Math.floor(mtimeMs / 1000),
      });
    }
  };

  test('copy stores every file with its time', async () => {
    source = site().folder();
    files = makeTree(source);
    let seconds = 1_500_000_000;
    for (const name of files.keys()) touch(name, (seconds += 1000));
    expect(await transferred('copy', source, 'server:/tree')).toEqual([...files.keys()].sort());
    await expectStored();
  });

  test('check finds no difference, also where it reads every byte, and a second copy moves nothing', async () => {
    expect((await run('check', source, 'server:/tree')).stderr).toContain('0 differences found');
    expect((await run('check', '--download', source, 'server:/tree')).stderr).toContain('0 differences found');
    expect(await transferred('copy', source, 'server:/tree')).toEqual([]);
  });

  test('check finds a difference', async () => {
    writeFileSync(path.join(source, 'sub/file of 1'), 'other');
    await expect(run('check', source, 'server:/tree')).rejects.toThrow('1 differences found');
  });

  test('sync carries over what was changed, added and removed, and nothing else; a second one does nothing', async () => {
    const change = (name: string, bytes: Buffer): void => {
      mkdirSync(path.dirname(path.join(source, name)), { recursive: true });
      writeFileSync(path.join(source, name), bytes);
      files.set(name, bytes);
    };
    change('sub/file of 1', Buffer.from('other'));
    change('sub/deep/file of 70000', pattern(70_000, 77)); // of the same length
    touch('sub/deep/file of 70000', 1_650_000_000);
    change('large', pattern(7 * 1024 ** 2, 78));
    change('new/file', pattern(10, 79));
    for (const name of [...files.keys()]) {
      if (!name.startsWith('with space/') && name !== 'file of 0') continue;
      rmSync(path.join(source, name));
      files.delete(name);
    }
    rmSync(path.join(source, 'with space'), { recursive: true });
    expect(await transferred('sync', source, 'server:/tree')).toEqual([
      'large',
      'new/file',
      'sub/deep/file of 70000',
      'sub/file of 1',
    ]);
    await expectStored();
    expect((await run('lsf', '--dirs-only', 'server:/tree')).stdout.split('\n').sort()).toEqual(['', 'new/', 'sub/']);
    expect(await transferred('sync', source, 'server:/tree')).toEqual([]);
  });

  test('a new time alone is set without another upload', async () => {
    touch('sub/file of 1', 1_660_000_000);
    // Equal content cannot be known without a hash: rclone sends it again unless it is told to trust the size.
    expect(await transferred('sync', '--size-only', source, 'server:/tree')).toEqual([]);
    await run('touch', '--timestamp', '2022-08-08T23:06:40', 'server:/tree/sub/file of 1');
    await expectStored();
  });

  test('sync brings everything back, with the times', async () => {
    const back = site().folder();
    await run('sync', 'server:/tree', back);
    expect(filesBelow(back)).toEqual([...files.keys()].sort());
    for (const [name, bytes] of files) {
      expectSameBytes(readFileSync(path.join(back, name)), bytes);
      expect(Math.floor(statSync(path.join(back, name)).mtimeMs / 1000)).toBe(await site().mtime(`tree/${name}`));
    }
  });

  test('moveto renames a directory, purge removes it', async () => {
    await run('moveto', 'server:/tree', 'server:/moved/here');
    await site().expectFiles('moved', new Map([...files].map(([name, bytes]) => [`here/${name}`, bytes])));
    await run('purge', 'server:/moved');
    expect(await site().names('')).toEqual([]);
    expect((await run('lsf', 'server:/')).stdout).toBe('');
  });
});

function configuration({ server }: ClientsSite): string {
  const settings = {
    type: 'sftp',
    host: '127.0.0.1',
    port: server.port,
    user: 'demo',
    key_file: server.userKey('ed25519'),
    known_hosts_file: server.knownHosts,
    shell_type: 'none',
  };
  return `[server]\n${Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('')}`;
}
