// scp in its SFTP mode: files and trees in both directions.
import { chmodSync, readFileSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { missingPeer } from '../peers/peers.ts';
import { mustRun } from '../peers/process.ts';
import { expectSameBytes } from '../storage/contract/store-driver.ts';
import { describeOnStores, filesBelow, findOpenSsh, makeTree, sshOptions } from './clients-site.ts';

jest.setTimeout(120_000);

const scp = findOpenSsh('scp');

describeOnStores('scp', scp === null ? missingPeer('openssh-machine') : null, (site) => {
  let source: string;
  let files: Map<string, Buffer>;

  const run = async (...words: string[]): Promise<void> => {
    const { server } = site();
    await mustRun([...(scp ?? []), ...sshOptions(server), '-s', '-q', '-P', String(server.port), ...words], {
      timeoutMs: 100_000,
    });
  };
  const remote = (name: string): string => `demo@127.0.0.1:/${name}`;

  test('it copies one file, and over a longer one', async () => {
    const [long, short] = [site().file(200_000, 1), site().file(70_000, 2)];
    await run(long.path, remote('one'));
    expectSameBytes(await site().content('one'), long.content);
    await run(short.path, remote('one'));
    expectSameBytes(await site().content('one'), short.content);
  });

  test('-rp stores a tree with times and modes', async () => {
    source = site().folder();
    files = makeTree(source);
    let seconds = 1_500_000_000;
    for (const name of files.keys()) utimesSync(path.join(source, name), seconds, (seconds += 1000));
    chmodSync(path.join(source, 'sub/file of 1'), 0o640);
    await run('-rp', source, remote('tree'));
    await site().expectFiles('tree', files);
    for (const name of files.keys()) {
      const { mtimeMs } = statSync(path.join(source, name));
      expect(await site().mtime(`tree/${name}`)).toBe(Math.floor(mtimeMs / 1000));
    }
  });

  test('-rp brings it back, with times and modes', async () => {
    const back = path.join(site().folder(), 'tree');
    await run('-rp', remote('tree'), back);
    expect(filesBelow(back)).toEqual([...files.keys()].sort());
    for (const [name, bytes] of files) {
      expectSameBytes(readFileSync(path.join(back, name)), bytes);
      const [mine, theirs] = [statSync(path.join(source, name)), statSync(path.join(back, name))];
      expect(theirs.mtimeMs).toBe(mine.mtimeMs);
      expect(theirs.mode & 0o777).toBe(mine.mode & 0o777);
    }
  });

  test('it copies what a pattern matches into a directory', async () => {
    const back = site().folder();
    await run(remote('tree/sub/file*'), back);
    expect(filesBelow(back)).toEqual(
      [...files.keys()]
        .filter((name) => /^sub\/file/.test(name))
        .map((name) => path.basename(name))
        .sort(),
    );
  });
});
