// sshfs, where the kernel can mount it: ordinary programs on the server's files. They write in place, append, cut off, and
// write beside a file and rename over it, as rsync and most editors do.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, jest, test } from '@jest/globals';
import { expectSameBytes, pattern } from '../storage/contract/store-driver.ts';
import { describeOnStores, makeTree } from './clients-site.ts';
import { onSshfsMount, sshfsLacking } from './sshfs-mount.ts';

jest.setTimeout(120_000);

const MIB = 1024 ** 2;
describeOnStores('sshfs', sshfsLacking, (site) => {
  let source: string;
  let files: Map<string, Buffer>;

  /** Runs shell lines on a mount of their own, and waits until the server has closed everything. */
  const onMount = async (...lines: string[]): Promise<void> => {
    await onSshfsMount(site(), lines);
  };

  beforeAll(() => {
    source = site().folder();
    files = makeTree(source);
  });

  test('cp -rp stores a tree, and diff finds no difference', async () => {
    await onMount(`cp -rp '${source}' tree`, `diff -r '${source}' tree`);
    await site().expectFiles('tree', files);
    await onMount(`diff -r '${source}' tree`);
  });

  test('a program writes beside the old file and renames over it', async () => {
    const bytes = pattern(150_000, 2);
    const file = path.join(site().folder(), 'new');
    writeFileSync(file, bytes);
    const temporary = 'tree/.large.Xy12ab';
    await onMount(
      `cp '${file}' ${temporary}`,
      `touch -d @1600000000 ${temporary}`,
      `chmod 640 ${temporary}`,
      `mv -f ${temporary} tree/large`,
      'test "$(stat -c "%a %Y" tree/large)" = "640 1600000000"',
    );
    files.set('large', bytes);
    await site().expectFiles('tree', files);
    expect(await site().mtime('tree/large')).toBe(1_600_000_000);
  });

  test('sed -i edits a file', async () => {
    await onMount("printf 'one\\ntwo\\n' >tree/text", 'sed -i s/two/three/ tree/text', 'cat tree/text');
    expectSameBytes(await site().content('tree/text'), Buffer.from('one\nthree\n'));
  });

  test('it appends, patches in the middle, cuts off and extends', async () => {
    const bytes = pattern(6 * MIB, 3);
    const file = path.join(site().folder(), 'file');
    writeFileSync(file, bytes);
    await onMount(`cp '${file}' patched`, 'printf end >>patched');
    expectSameBytes(await site().content('patched'), Buffer.concat([bytes, Buffer.from('end')]));
    await onMount('printf MIDDLE | dd of=patched bs=1 seek=3000000 conv=notrunc status=none');
    Buffer.from('MIDDLE').copy(bytes, 3_000_000);
    expectSameBytes(await site().content('patched'), Buffer.concat([bytes, Buffer.from('end')]));
    await onMount('truncate -s 4000000 patched');
    expectSameBytes(await site().content('patched'), bytes.subarray(0, 4_000_000));
    await onMount('truncate -s 4100000 patched');
    expectSameBytes(
      await site().content('patched'),
      Buffer.concat([bytes.subarray(0, 4_000_000), Buffer.alloc(100_000)]),
    );
  });

  test('a file that is written in one place and read in another, through one descriptor', async () => {
    // Every Debian has Perl.
    const program = [
      'use Fcntl; my ($file, $read)',
      'sysopen($file, "both", O_RDWR | O_CREAT) or die $!',
      'sub at { sysseek($file, $_[0], 0) // die $! }',
      'sub put { syswrite($file, $_[0]) == length $_[0] or die $! }',
      'sub see { sysread($file, $read, 20) // die $!; $read eq $_[0] or die "read: $read" }',
      'put "0123456789"; at 2; see "23456789"',
      'put "X"; at 1; put "ab"; at 0; see "0ab3456789X"',
      'close $file or die $!',
    ];
    await onMount(`perl -e '${program.join('; ')}'`);
    expectSameBytes(await site().content('both'), Buffer.from('0ab3456789X'));
  });

  test('it moves a directory and removes it', async () => {
    await onMount('mkdir -p into/deeper', 'mv tree into/deeper/', 'ls into/deeper/tree/sub/deep >/dev/null');
    expect(await site().names('into/deeper/tree/sub')).toHaveLength(10);
    await onMount('rm -r into both patched');
    expect(await site().names('')).toEqual([]);
  });

  test('what it has read is what was stored', async () => {
    await onMount(`cp -r '${source}' again`);
    const back = path.join(site().folder(), 'back');
    await onMount(`cp -r again ${back}`);
    for (const [name, bytes] of files) {
      if (name !== 'large') expectSameBytes(readFileSync(path.join(back, name)), bytes);
    }
    expectSameBytes(readFileSync(path.join(back, 'large')), readFileSync(path.join(source, 'large')));
  });
});
