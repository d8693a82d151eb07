import { expect, test } from '@jest/globals';
import type { OwnerPolicy } from '../../src/sftp/attributes.ts';
import { SSH_FX, SSH_FXF } from '../../src/sftp/protocol.ts';
import { memoryView } from './memory-view.ts';
import { attributesBytes, expectOk, SftpTestClient, statusOf } from './sftp-test-client.ts';

const OWNER = { uid: 1234, gid: 2345 };
const denied = { code: SSH_FX.PERMISSION_DENIED };

async function connected(owners?: OwnerPolicy) {
  const { view } = memoryView();
  const client = await SftpTestClient.connect(view, owners === undefined ? {} : { owners });
  const make = async (path: string) => client.open(path, SSH_FXF.WRITE | SSH_FXF.CREAT, { ...OWNER, mode: 0o640 });
  const owner = async (path: string) => {
    const { uid, gid } = await client.stat(path);
    return { uid, gid };
  };
  const lsetstat = async (path: string) =>
    statusOf(await client.extended('lsetstat@openssh.com', (w) => w.string(path).bytes(attributesBytes(OWNER)))).code;
  return { client, make, owner, lsetstat };
}

test.each([undefined, 'ignore'] as const)('owners "%s": the rest of the request is done', async (policy) => {
  const { client, make, owner, lsetstat } = await connected(policy);
  const handle = await make('/file');
  await client.fsetstat(handle, { ...OWNER, mode: 0o600 });
  await client.close(handle);
  await client.mkdir('/directory', OWNER);
  await client.setstat('/file', { ...OWNER, mtime: 1_000_000_000 });
  await client.setstat('/directory', OWNER);
  expect(await lsetstat('/file')).toBe(SSH_FX.OK);
  expect(await owner('/file')).toEqual({ uid: 0, gid: 0 });
  expect(await owner('/directory')).toEqual({ uid: 0, gid: 0 });
  expect(await client.stat('/file')).toMatchObject({ mtime: 1_000_000_000, mode: 0o100600 });
  // That nothing was to be done does not make a path that is not there.
  await expect(client.setstat('/missing', OWNER)).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
});

test('owners "refuse": no change is half made; what is created is the server’s own', async () => {
  const { client, make, owner, lsetstat } = await connected('refuse');
  const handle = await make('/file');
  await expect(client.fsetstat(handle, { ...OWNER, mode: 0o600 })).rejects.toMatchObject(denied);
  await client.close(handle);
  await client.mkdir('/directory', OWNER);
  await expect(client.setstat('/file', { ...OWNER, mtime: 1_000_000_000 })).rejects.toMatchObject(denied);
  expect(await lsetstat('/file')).toBe(SSH_FX.PERMISSION_DENIED);
  expect(await owner('/file')).toEqual({ uid: 0, gid: 0 });
  expect(await owner('/directory')).toEqual({ uid: 0, gid: 0 });
  expect(await client.stat('/file')).toMatchObject({ mode: 0o100640 });
});

test('owners "set": they are given to the store', async () => {
  const { client, make, owner } = await connected('set');
  await client.close(await make('/file'));
  expect(await owner('/file')).toEqual(OWNER);
  await client.setstat('/file', { uid: 7, gid: 8 });
  expect(await owner('/file')).toEqual({ uid: 7, gid: 8 });
  await client.mkdir('/directory', OWNER);
  expect(await owner('/directory')).toEqual(OWNER);
  expectOk(
    await client.extended('lsetstat@openssh.com', (w) => w.string('/directory').bytes(attributesBytes({ uid: 9 }))),
  );
  expect(await owner('/directory')).toEqual({ uid: 9, gid: 9 });
});
