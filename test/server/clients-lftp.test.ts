// lftp: mirror in both directions, a download in four streams, and transfers that are taken up again.
import { readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { mustRun } from '../peers/process.ts';
import { expectSameBytes, pattern } from '../storage/contract/store-driver.ts';
import { describeOnStores, filesBelow, findOpenSsh, makeTree, sshOptions } from './clients-site.ts';

jest.setTimeout(120_000);

const MIB = 1024 ** 2;
const lftp = findPeer('lftp');
const ssh = findOpenSsh('ssh');
const lacking = missingPeer('lftp') ?? (ssh === null ? missingPeer('openssh-machine') : null);

describeOnStores('lftp', lacking, (site) => {
  let source: string;
  let files: Map<string, Buffer>;

  /** What it did as the server saw it, and what it printed. */
  const run = async (...commands: string[]): Promise<{ readonly opened: string[]; readonly said: string }> => {
    const { server } = site();
    const from = server.log.length;
    const words = [...(ssh ?? []), '-a', '-x', ...sshOptions(server)].map((word) => `'${word}'`);
    const script = path.join(server.folder, 'lftp-script');
    const begin = [
      'set cmd:fail-exit yes',
      'set net:max-retries 1',
      'set net:timeout 60',
      'set sftp:auto-confirm no',
      `set sftp:connect-program "${words.join(' ')}"`,
      `open -u demo,unused -p ${server.port} sftp://127.0.0.1`,
    ];
    writeFileSync(script, [...begin, ...commands, 'bye', ''].join('\n'));
    const { stdout, stderr } = await mustRun([...(lftp?.command ?? []), '-f', script], {
      timeoutMs: 100_000,
      env: { HOME: server.folder, LFTP_PASSWORD: undefined },
    });
    return { opened: site().opened(from), said: stdout + stderr };
  };
  const local = (name: string): string => path.join(source, name);

  test('mirror -R stores every file with its time; a second one moves nothing', async () => {
    source = site().folder();
    files = makeTree(source);
    let seconds = 1_500_000_000;
    for (const name of files.keys()) utimesSync(local(name), seconds, (seconds += 1000));
    await run(`mirror -R --parallel=3 "${source}" /tree`);
    await site().expectFiles('tree', files);
    for (const name of files.keys()) {
      expect(await site().mtime(`tree/${name}`)).toBe(Math.floor(statSync(local(name)).mtimeMs / 1000));
    }
    expect((await run(`mirror -R "${source}" /tree`)).opened).toEqual([]);
  });

  test('mirror -R --delete carries over what was changed and removed', async () => {
    files.set('sub/file of 1', Buffer.from('longer than before'));
    writeFileSync(local('sub/file of 1'), 'longer than before');
    for (const name of [...files.keys()].filter((each) => each.startsWith('sub/deep/'))) files.delete(name);
    rmSync(local('sub/deep'), { recursive: true });
    const { opened } = await run(`mirror -R --delete "${source}" /tree`);
    expect(opened).toEqual(['OPEN /tree/sub/file of 1']);
    await site().expectFiles('tree', files);
  });

  test('mirror brings everything back', async () => {
    const back = site().folder();
    await run(`mirror --parallel=2 /tree "${back}"`);
    expect(filesBelow(back)).toEqual([...files.keys()].sort());
    for (const [name, bytes] of files) {
      expectSameBytes(readFileSync(path.join(back, name)), bytes);
      expect(Math.floor(statSync(path.join(back, name)).mtimeMs / 1000)).toBe(await site().mtime(`tree/${name}`));
    }
  });

  test('pget -n 4 reads four places of a file at once', async () => {
    const file = path.join(site().folder(), 'fetched');
    // So slowly that the first stream does not reach the next one's piece before that has begun.
    const settings = ['set pget:min-chunk-size 65536', 'set net:limit-rate 1000000'];
    const { opened } = await run(...settings, `pget -n 4 /tree/large -o "${file}"`);
    expect(opened.filter((message) => message === 'OPEN /tree/large').length).toBeGreaterThanOrEqual(4);
    expectSameBytes(readFileSync(file), files.get('large') ?? Buffer.alloc(0));
  });

  // Below and above what S3 can copy by itself as a part: 5 MiB.
  test.each([100_000, 5.5 * MIB])('put -c and reput go on where %d bytes are stored', async (cut) => {
    for (const command of ['put -c', 'reput']) {
      const file = site().file(8 * MIB + 3, cut);
      const beginning = path.join(site().folder(), 'beginning');
      writeFileSync(beginning, file.content.subarray(0, cut));
      const name = `resumed ${command} ${cut}`;
      await run(`put "${beginning}" -o "/${name}"`);
      await run(`${command} "${file.path}" -o "/${name}"`);
      expectSameBytes(await site().content(name), file.content);
    }
  });

  test('get -c goes on where a download was cut off', async () => {
    const file = path.join(site().folder(), 'fetched');
    const large = files.get('large') ?? Buffer.alloc(0);
    writeFileSync(file, large);
    truncateSync(file, 5_000_001);
    await run(`get -c /tree/large -o "${file}"`);
    expectSameBytes(readFileSync(file), large);
  });

  test('it renames over a file, and removes a tree', async () => {
    const bytes = pattern(9_000, 4);
    const file = path.join(site().folder(), 'temporary');
    writeFileSync(file, bytes);
    await run(`put "${file}" -o /tree/temporary`, 'mv /tree/temporary /tree/renamed');
    expectSameBytes(await site().content('tree/renamed'), bytes);
    await run('rm -r /tree');
    expect(
      await site()
        .names('tree')
        .catch(() => []),
    ).toEqual([]);
  });
});
