// curl, whose SFTP is libssh2's: upload and download, taken up again with -C -, and -a, which appends.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { mustRun } from '../peers/process.ts';
import { expectSameBytes, pattern } from '../storage/contract/store-driver.ts';
import { describeOnStores } from './clients-site.ts';

jest.setTimeout(120_000);

const MIB = 1024 ** 2;
const curl = findPeer('curl');

describeOnStores('curl', missingPeer('curl'), (site) => {
  const run = async (name: string, ...words: string[]): Promise<string> => {
    const { server } = site();
    // It looks for known hosts below the home only.
    const home = path.join(server.folder, 'curl-home');
    mkdirSync(path.join(home, '.ssh'), { recursive: true });
    copyFileSync(server.knownHosts, path.join(home, '.ssh', 'known_hosts'));
    const key = server.userKey('ed25519');
    const { stdout } = await mustRun(
      [
        ...(curl?.command ?? []),
        ...['-q', '-sS', '--connect-timeout', '30', '-u', 'demo:', '--key', key, '--pubkey', `${key}.pub`],
        ...words,
        `sftp://127.0.0.1:${server.port}/${name}`,
      ],
      { timeoutMs: 100_000, env: { HOME: home } },
    );
    return stdout;
  };
  const fileOf = (bytes: Buffer): string => {
    const file = path.join(site().folder(), 'file');
    writeFileSync(file, bytes);
    return file;
  };

  test.each([0, 100_000, 12 * MIB + 1])('it uploads and downloads %d bytes', async (size) => {
    const bytes = pattern(size, size);
    const name = `new/directory/${size}`;
    await run(name, '--ftp-create-dirs', '-T', fileOf(bytes));
    expectSameBytes(await site().content(name), bytes);
    const fetched = path.join(site().folder(), 'fetched');
    await run(name, '-o', fetched);
    // Of a file without bytes curl makes none.
    if (size > 0) expectSameBytes(readFileSync(fetched), bytes);
  });

  // Below and above what S3 can copy by itself as a part: 5 MiB.
  test.each([1, 100_000, 5.5 * MIB])('-C - goes on with an upload where %d bytes are stored', async (cut) => {
    const bytes = pattern(7 * MIB + 5, cut);
    const name = `resumed-${cut}`;
    await run(name, '-T', fileOf(bytes.subarray(0, cut)));
    await run(name, '-C', '-', '-T', fileOf(bytes));
    expectSameBytes(await site().content(name), bytes);
    // There is nothing left to send.
    await run(name, '-C', '-', '-T', fileOf(bytes));
    expectSameBytes(await site().content(name), bytes);
  });

  test('-C - begins an upload of which nothing is stored', async () => {
    const bytes = pattern(50_000, 6);
    await run('begun', '-C', '-', '-T', fileOf(bytes));
    expectSameBytes(await site().content('begun'), bytes);
  });

  test.each([1, 5 * MIB + 3])('-C - goes on with a download where %d bytes are here', async (cut) => {
    const bytes = pattern(12 * MIB + 1, 12 * MIB + 1);
    const fetched = fileOf(bytes.subarray(0, cut));
    await run(`new/directory/${bytes.length}`, '-C', '-', '-o', fetched);
    expectSameBytes(readFileSync(fetched), bytes);
  });

  test('-a appends, to a small file, to a large one, and to none', async () => {
    const [small, large] = [pattern(1_000, 1), pattern(6 * MIB, 2)];
    await run('appended', '-a', '-T', fileOf(small));
    expectSameBytes(await site().content('appended'), small);
    await run('appended', '-a', '-T', fileOf(large));
    await run('appended', '-a', '-T', fileOf(small));
    expectSameBytes(await site().content('appended'), Buffer.concat([small, large, small]));
  });

  test('-r reads a piece', async () => {
    const fetched = path.join(site().folder(), 'fetched');
    await run('appended', '-r', '1000-70999', '-o', fetched);
    expectSameBytes(readFileSync(fetched), pattern(6 * MIB, 2).subarray(0, 70_000));
  });

  test('it uploads under another name and renames', async () => {
    const bytes = pattern(10_000, 8);
    await run('.begun.part', '-T', fileOf(bytes), '-Q', '-rm /begun', '-Q', '-rename /.begun.part /begun');
    expectSameBytes(await site().content('begun'), bytes);
    expect(await site().names('')).not.toContain('.begun.part');
    expect((await run('', '--list-only')).split('\n')).toContain('begun');
  });
});
