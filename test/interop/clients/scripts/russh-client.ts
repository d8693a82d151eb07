// Carries out a job (test/interop/clients/scripted.ts) with npm's russh, a client in Rust.
import { readFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import * as russh from 'russh';
import type { ClientJob } from '../scripted.ts';

const BLOCK = 256 * 1024;
const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ClientJob;
const [, expected = ''] = job.hostKey.split(' ');

const connection = await russh.SSHClient.connect(
  await russh.SshTransport.newSocket(`${job.host}:${job.port}`),
  (key) => Promise.resolve(key.base64() === expected),
  { connectionTimeoutSeconds: 20, ...(job.kex === null ? {} : { preferred: { kex: [job.kex] } }) },
);
const authenticated = await login();
const sftp = await authenticated.activateSFTP(await authenticated.openSessionChannel());
for (const step of job.steps) {
  switch (step.do) {
    case 'put':
      await put(step.local, step.remote, 0, russh.OPEN_WRITE | russh.OPEN_CREATE | russh.OPEN_TRUNCATE);
      break;
    case 'resume-put': {
      const { size } = await sftp.stat(step.remote);
      await put(step.local, step.remote, size, russh.OPEN_WRITE | russh.OPEN_APPEND);
      break;
    }
    case 'get':
      await get(step.remote, step.local);
      break;
    case 'resume-get':
      throw new Error('russh reads a file from its beginning only');
    case 'list':
      for (const { name } of await sftp.readDirectory(step.remote)) console.log(name);
      break;
    case 'mkdir':
      await sftp.createDirectory(step.remote);
      break;
    case 'rmdir':
      await sftp.removeDirectory(step.remote);
      break;
    case 'remove':
      await sftp.removeFile(step.remote);
      break;
    case 'rename':
      await sftp.rename(step.remote, step.to);
      break;
  }
}
await sftp.close();
await authenticated.disconnect();
process.exit(0);

async function login(): Promise<russh.AuthenticatedSSHClient> {
  const answer =
    job.keyFile === null
      ? await connection.authenticateWithPassword(job.user, job.password ?? '')
      : await withKey(job.keyFile);
  if (answer instanceof russh.AuthenticatedSSHClient) return answer;
  throw new Error(`refused; left: ${answer.remainingMethods.join(', ')}`);
}

async function withKey(file: string): ReturnType<russh.SSHClient['authenticateWithKeyPair']> {
  const key = await russh.KeyPair.parse(readFileSync(file, 'utf8'));
  return connection.authenticateWithKeyPair(job.user, key, key.algorithm.includes('rsa') ? 'sha512' : null);
}

async function put(local: string, remote: string, at: number, mode: number): Promise<void> {
  const target = await sftp.open(remote, mode);
  const source = await open(local);
  const { size } = await stat(local);
  for (let offset = at; offset < size;) {
    const { bytesRead, buffer } = await source.read(Buffer.alloc(BLOCK), 0, BLOCK, offset);
    await target.writeAll(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
  await source.close();
  await target.shutdown();
}

async function get(remote: string, local: string): Promise<void> {
  const source = await sftp.open(remote, russh.OPEN_READ);
  const target = await open(local, 'w');
  for (;;) {
    const block = await source.read(BLOCK);
    if (block.length === 0) break;
    await target.write(block);
  }
  await target.close();
  await source.shutdown();
}
