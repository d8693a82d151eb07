// What real clients do with the names of files that are open: sshfs, rclone that sends many requests at once, and lftp whose
// first connection the server still believes in when the second has stored the whole file.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { findPeer, findProgram } from '../peers/peers.ts';
import { mustRun, ServerProcess } from '../peers/process.ts';
import { expectSameBytes, pattern } from '../storage/contract/store-driver.ts';
import { until } from '../transport/transport-pair.ts';
import { ClientsSite, describeOnStores, findOpenSsh, sshOptions, STORES } from './clients-site.ts';
import { onSshfsMount, sshfsLacking } from './sshfs-mount.ts';
import { TcpProxy } from './tcp-proxy.ts';

jest.setTimeout(900_000);

/** How often what once failed now and then is done: more by hand. */
const CLONES = Number(process.env['LATTICEPORT_CLONES'] ?? 2);
const MOVES = Number(process.env['LATTICEPORT_MOVES'] ?? 20);
const MIB = 1024 ** 2;

const git = findProgram('machine', 'git');
describeOnStores('sshfs with open files', sshfsLacking ?? (git === null ? 'git is not installed' : null), (site) => {
  let repository: string;

  beforeAll(async () => {
    repository = site().folder();
    for (const [index, name] of ['README', 'src/one', 'src/two', 'src/deep/three'].entries()) {
      mkdirSync(path.join(repository, path.dirname(name)), { recursive: true });
      writeFileSync(path.join(repository, name), pattern(1000 + 20_000 * index, index).toString('hex'));
    }
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.org'];
    const run = (...words: string[]): Promise<unknown> =>
      mustRun([...(git ?? []), ...identity, ...words], { cwd: repository });
    await run('init', '--quiet');
    await run('add', '.');
    await run('commit', '--quiet', '--message', 'first');
  });

  test(`git clone, ${CLONES} times`, async () => {
    const lines = Array.from({ length: CLONES }, (_, index) => [
      `git clone --quiet 'file://${repository}' clone${index}`,
      `git -C clone${index} fsck --strict`,
      `test -z "$(git -C clone${index} status --porcelain)"`,
      `diff -r --exclude=.git '${repository}' clone${index}`,
      `rm -rf clone${index}`,
    ]);
    await onSshfsMount(site(), lines.flat(), 800_000);
    expect(await site().names('')).toEqual([]);
  });

  test(`a file is written and moved at once, ${MOVES} times`, async () => {
    const lines = [
      'mkdir moves',
      `for i in $(seq ${MOVES}); do echo $i >moves/f; mv moves/f moves/g; test "$(cat moves/g)" = $i; done`,
    ];
    await onSshfsMount(site(), lines, 800_000);
    expect(await site().names('moves')).toEqual(['g']);
    expectSameBytes(await site().content('moves/g'), Buffer.from(`${MOVES}\n`));
  });

  test('a file is written, moved and removed while it is open', async () => {
    await onSshfsMount(site(), [
      'mkdir open',
      '{ echo first; mv open/a open/b; echo second; } >open/a',
      'test "$(cat open/b)" = "first\nsecond"',
      'test ! -e open/a',
      '{ echo gone; rm open/c; echo gone; } >open/c',
      'test ! -e open/c',
      '{ echo text; chmod 600 open/d; } >open/d',
      'test "$(stat -c %a open/d)" = 600',
    ]);
    expect(await site().names('open')).toEqual(['b', 'd']);
  });

  test('sync FILE', async () => {
    await onSshfsMount(site(), ['mkdir synced', 'echo text >synced/file', 'sync synced/file', 'sync -d synced/file']);
    expectSameBytes(await site().content('synced/file'), Buffer.from('text\n'));
  });
});

const rclone = findPeer('rclone');
describeOnStores('rclone at full speed', rclone === null ? 'rclone is not installed' : null, (site) => {
  test.each([
    ['--sftp-concurrency=64'],
    ['--multi-thread-streams=4', '--multi-thread-cutoff=1M', '--multi-thread-chunk-size=2M'],
    ['--inplace', '--multi-thread-streams=4', '--multi-thread-cutoff=1M', '--multi-thread-chunk-size=2M'],
  ])('copyto there and back with %s %s', async (...words) => {
    const { server } = site();
    const config = path.join(server.folder, 'rclone.conf');
    const settings = {
      type: 'sftp',
      host: '127.0.0.1',
      port: server.port,
      user: 'demo',
      key_file: server.userKey('ed25519'),
      known_hosts_file: server.knownHosts,
      shell_type: 'none',
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    writeFileSync(config, `[server]\n${lines.join('')}`);
    const copy = async (from: string, to: string): Promise<void> => {
      await mustRun([...(rclone?.command ?? []), 'copyto', from, to, '--config', config, '--retries', '1', ...words], {
        timeoutMs: 100_000,
      });
    };
    const file = site().file(12 * MIB + 17, words.length);
    const name = `large ${words.length}`;
    await copy(file.path, `server:/${name}`);
    expectSameBytes(await site().content(name), file.content);
    // Over the old one.
    const changed = site().file(9 * MIB + 1, 40 + words.length);
    await copy(changed.path, `server:/${name}`);
    expectSameBytes(await site().content(name), changed.content);
    const back = path.join(site().folder(), 'back');
    await copy(`server:/${name}`, back);
    await mustRun(['cmp', back, changed.path]);
  });
});

const lftp = findPeer('lftp');
const ssh = findOpenSsh('ssh');
const lftpLacking = lftp === null ? 'lftp is not installed' : ssh === null ? 'OpenSSH is not installed' : null;
for (const { kind, missing } of STORES) {
  describe(`lftp on ${kind}, through a proxy whose connection falls silent`, () => {
    const reason = lftpLacking ?? missing;
    if (reason !== null) {
      test.skip(reason, () => undefined);
      return;
    }
    // What the dead session would store is less than the file, and comes after it.
    test.each([
      ['the whole file is stored when the first session ends', []],
      ['the file was moved away meanwhile', ['mv /large /moved']],
    ])('%s', async (_name, after) => {
      const site = await ClientsSite.open(kind);
      const { server } = site;
      const proxy = await TcpProxy.start(new URL(`http://127.0.0.1:${server.port}`));
      try {
        const file = site.file(6 * MIB + 5, 11);
        const words = [
          ...(ssh ?? []),
          '-a',
          '-x',
          '-o',
          `HostKeyAlias=[127.0.0.1]:${server.port}`,
          ...sshOptions(server),
        ];
        const script = path.join(server.folder, 'lftp-script');
        const commands = [
          'set cmd:fail-exit yes',
          'set net:timeout 4',
          'set net:max-retries 5',
          'set net:reconnect-interval-base 1',
          'set net:limit-rate 0:1500000',
          'set sftp:auto-confirm no',
          `set sftp:connect-program "${words.map((word) => `'${word}'`).join(' ')}"`,
          `open -u demo,unused -p ${proxy.port} sftp://127.0.0.1`,
          `put "${file.path}" -o /large`,
          ...after,
          'bye',
        ];
        writeFileSync(script, `${commands.join('\n')}\n`);
        const client = new ServerProcess([...(lftp?.command ?? []), '-f', script], {
          env: { HOME: server.folder, LFTP_PASSWORD: undefined },
        });
        try {
          const opened = (): number => site.opened(0).filter((message) => message.startsWith('OPEN /large')).length;
          await until(() => opened() > 0, 'the upload has begun', 60_000);
          const { bytesForwarded } = proxy;
          await until(() => proxy.bytesForwarded > bytesForwarded + 1_500_000, 'a part of it has come', 60_000);
          proxy.hush();
          await until(() => !client.running, 'lftp has done everything on another connection', 120_000);
          expect(client.end).toBe('exit status 0');
        } finally {
          await client.stop('SIGKILL');
        }
        const stored = after.length === 0 ? 'large' : 'moved';
        expectSameBytes(await site.content(stored), file.content);
        proxy.breakSilent();
        await site.expectNothingOpen();
        expect(server.log.some(({ event }) => event === 'sftp.partial-close')).toBe(true);
        expect(await site.names('')).toEqual([stored]);
        expectSameBytes(await site.content(stored), file.content);
      } finally {
        await proxy.down();
        await site.close();
      }
    });
  });
}
