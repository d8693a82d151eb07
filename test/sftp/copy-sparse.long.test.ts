// copy-data on a directory: holes stay holes, and nobody copies for a client that has gone.
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import type { LocalFixture } from '../storage/local-fixture.ts';
import { openLocal, partFiles } from '../storage/local-fixture.ts';
import { SftpTestClient } from './sftp-test-client.ts';
import { storePath } from '../storage/store-path.ts';

const MIB = 1024 * 1024;
const TIB = 1024 ** 4;
const { READ, WRITE, CREAT, TRUNC } = SSH_FXF;

let fixture: LocalFixture;
let client: SftpTestClient;

beforeEach(async () => {
  fixture = await openLocal({ maxSparseBytes: Infinity });
  const view = new UserView({
    directories: [{ entry: '/', store: fixture.store, path: storePath('') }],
    permissions: READ_WRITE,
  });
  client = await SftpTestClient.connect(view);
});

afterEach(async () => {
  await client.session.abort('over');
  expect(await partFiles(fixture.root)).toEqual([]);
  await fixture.cleanup();
});

async function sparse(name: string, size: number): Promise<void> {
  const file = await open(join(fixture.root, name), 'w');
  await file.write(Buffer.from('begin'), 0, 5, 0);
  await file.write(Buffer.from('x'), 0, 1, Math.floor(size / 2));
  await file.truncate(size);
  await file.close();
}

function copy(source: Buffer, target: Buffer): Promise<unknown> {
  return client.extended('copy-data', (w) => w.string(source).uint64(0).uint64(0).string(target).uint64(0));
}

test('holes stay holes, also the one at the end; what was there is written over', async () => {
  await sparse('a', 64 * MIB + 3);
  const handles = [await client.open('/a', READ), await client.open('/b', WRITE | CREAT | TRUNC)] as const;
  await copy(...handles);
  for (const handle of handles) await client.close(handle);
  const [original, copied] = [await readFile(join(fixture.root, 'a')), await readFile(join(fixture.root, 'b'))];
  expect(copied.equals(original)).toBe(true);
  expect((await stat(join(fixture.root, 'b'))).blocks * 512).toBeLessThan(8 * MIB);

  await writeFile(join(fixture.root, 'c'), Buffer.alloc(3 * MIB, 1));
  const again = [await client.open('/a', READ), await client.open('/c', WRITE)] as const;
  await copy(...again);
  for (const handle of again) await client.close(handle);
  expect((await readFile(join(fixture.root, 'c'))).equals(original)).toBe(true);
});

test('a copy ends with its session', async () => {
  await sparse('a', 8 * TIB);
  const handles = [await client.open('/a', READ), await client.open('/b', WRITE | CREAT | TRUNC)] as const;
  void copy(...handles);
  await client.session.abort('the connection is gone');
  expect(client.session.openHandles).toBe(0);
});

test('one whose target the client has closed goes on, until there is no time left: half of it never becomes the file', async () => {
  await sparse('a', 8 * TIB);
  await writeFile(join(fixture.root, 'b'), 'old');
  const handles = [await client.open('/a', READ), await client.open('/b', WRITE | TRUNC)] as const;
  void copy(...handles);
  void client.request(SSH_FXP.CLOSE, (w) => w.string(handles[1]));
  const over = client.session.abort('the connection is gone');
  client.session.cutOff();
  await over;
  expect(await readFile(join(fixture.root, 'b'), 'utf8')).toBe('old');
});

test('a close that waits for a copy of the old bytes ends when there is no time left', async () => {
  await sparse('a', 8 * TIB);
  const handle = await client.open('/a', WRITE);
  void client.request(SSH_FXP.WRITE, (w) => w.string(handle).uint64(0).string('B'));
  void client.request(SSH_FXP.CLOSE, (w) => w.string(handle));
  const over = client.session.abort('the connection is gone');
  client.session.cutOff();
  await over;
  expect((await stat(join(fixture.root, 'a'))).size).toBe(8 * TIB);
});
