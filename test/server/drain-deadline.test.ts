// What still runs when the time of a drain is over, though no client is there.
import { open } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { login, SftpChannel } from '../client/sftp-channel.ts';
import { until } from '../transport/transport-pair.ts';
import type { TestServer } from './test-server.ts';
import { PASSWORD, startTestServer } from './test-server.ts';

const TIB = 1024 ** 4;
let server: TestServer | undefined;

afterEach(async () => {
  await server?.stop();
});

test('a file that its client has closed and left, and whose copy would take hours, ends with the drain', async () => {
  server = await startTestServer({ shutdown: { drainSeconds: 0.5 } });
  // Larger than what is allowed by far, but the limit is only found out on the way.
  const { data, port, log, running } = server;
  const file = await open(path.join(data, 'a'), 'w');
  await file.truncate(8 * TIB);
  await file.close();
  const sftp = await SftpChannel.open(await login(port, 'demo', PASSWORD));
  const handle = await sftp.openFile('/a', SSH_FXF.WRITE);
  sftp.send(SSH_FXP.WRITE, (writer) => writer.string(handle).uint64(0).string('x'));
  sftp.send(SSH_FXP.CLOSE, (writer) => writer.string(handle));
  sftp.client.end();
  await until(() => log.some(({ event }) => event === 'session.closed'), 'the client has gone');
  await running.stop();
  expect(log.at(-1)).toMatchObject({ event: 'server.stopped' });
  expect(log.filter(({ event }) => event === 'server.stop-overdue')).toEqual([]);
});
