import { SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { memoryView } from '../sftp/memory-view.ts';
import { attributesBytes, SftpTestClient } from '../sftp/sftp-test-client.ts';

/** What a busy client sends: every request at least once. Handles count from 1, so that a replay finds them. */
export async function recordSftp(): Promise<Buffer[]> {
  const client = await SftpTestClient.connect(memoryView().view);
  await client.mkdir('/dir', { mode: 0o755 });
  await client.put('/dir/file', Buffer.from('some content'.repeat(100)), 100);
  await client.get('/dir/file', 64);
  const handle = await client.open('/dir/both', SSH_FXF.READ | SSH_FXF.WRITE | SSH_FXF.CREAT, { size: 3, mtime: 1 });
  const source = await client.open('/dir/file', SSH_FXF.READ);
  await client.write(handle, 10, 'hole before');
  await client.fsetstat(handle, { size: 4, mode: 0o600 });
  await client.fstat(handle);
  await client.extended('fsync@openssh.com', (w) => w.string(handle));
  await client.extended('fstatvfs@openssh.com', (w) => w.string(handle));
  await client.extended('copy-data', (w) => w.string(source).uint64(0).uint64(50).string(handle).uint64(4));
  await client.close(handle);
  await client.close(source);
  await client.list('/dir');
  await client.setstat('/dir/file', { size: 5, uid: 1, gid: 2, mode: 0o640, mtime: 5 });
  await client.lstat('/dir/file');
  await client.stat('/dir/file');
  await client.realpath('dir/../dir');
  await client.rename('/dir/file', '/dir/other');
  await client.posixRename('/dir/other', '/dir/both');
  await client.request(SSH_FXP.READLINK, (w) => w.string('/dir/both'));
  await client.request(SSH_FXP.SYMLINK, (w) => w.string('/dir/both').string('/link'));
  await client.extended('hardlink@openssh.com', (w) => w.string('/dir/both').string('/link'));
  await client.extended('lsetstat@openssh.com', (w) => w.string('/dir/both').bytes(attributesBytes({ mtime: 7 })));
  await client.extended('statvfs@openssh.com', (w) => w.string('/'));
  await client.extended('limits@openssh.com', () => undefined);
  await client.extended('expand-path@openssh.com', (w) => w.string('~/x'));
  await client.extended('home-directory', (w) => w.string(''));
  await client.extended('users-groups-by-id@openssh.com', (w) => w.string('').string(Buffer.alloc(8)));
  await client.remove('/dir/both');
  await client.rmdir('/dir');
  await client.end();
  return client.recorded;
}
