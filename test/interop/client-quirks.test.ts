// What particular clients do and others do not: one test for each, named after the client.
import { describe, expect, test } from '@jest/globals';
import { SSH_FXF, SSH_FX, SSH_FXP } from '../../src/sftp/protocol.ts';
import { memoryView } from '../sftp/memory-view.ts';
import { SftpTestClient, statusOf } from '../sftp/sftp-test-client.ts';

const { WRITE, CREAT, EXCL } = SSH_FXF;

describe('sshfs', () => {
  test('sends LSTAT right behind the OPEN that creates a file, and gives up where it finds nothing', async () => {
    const client = await SftpTestClient.connect(memoryView().view);
    const opened = client.open('/new', WRITE | CREAT | EXCL);
    const looked = client.lstat('/new');
    const handle = await opened;
    expect((await looked).size).toBe(0);
    await client.write(handle, 0, Buffer.from('12345'));
    expect((await client.lstat('/new')).size).toBe(5);
    await client.close(handle);
    expect((await client.stat('/new')).size).toBe(5);
  });

  test('does not see a file of another name, or of another session', async () => {
    const { view } = memoryView();
    const writer = await SftpTestClient.connect(view);
    await writer.open('/new', WRITE | CREAT | EXCL);
    const other = await SftpTestClient.connect(view);
    for (const [client, path] of [
      [writer, '/other'],
      [other, '/new'],
    ] as const) {
      const answer = await client.request(SSH_FXP.LSTAT, (body) => body.string(path));
      expect(statusOf(answer).code).toBe(SSH_FX.NO_SUCH_FILE);
    }
  });
});
