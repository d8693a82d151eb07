// Carries out a job (test/interop/clients/scripted.ts) with npm's ssh2 and ssh2-sftp-client.
import { readFileSync, statSync } from 'node:fs';
import { createReadStream, createWriteStream } from 'node:fs';
import { createHash } from 'node:crypto';
import type { ConnectConfig, KexAlgorithm } from 'ssh2';
import Client from 'ssh2-sftp-client';
import type { ClientJob } from '../scripted.ts';

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ClientJob;
const client = new Client();
const config: ConnectConfig = {
  host: job.host,
  port: job.port,
  username: job.user,
  ...(job.keyFile === null ? {} : { privateKey: readFileSync(job.keyFile) }),
  ...(job.password === null ? {} : { password: job.password }),
  ...(job.kex === null ? {} : { algorithms: { kex: [job.kex as KexAlgorithm] } }),
  readyTimeout: 20_000,
  hostVerifier: (key: Buffer) =>
    `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}` === job.hostKeyFingerprint,
};
await client.connect(config);
for (const step of job.steps) {
  switch (step.do) {
    case 'put':
      await client.fastPut(step.local, step.remote);
      break;
    case 'resume-put': {
      const { size } = await client.stat(step.remote);
      await client.put(createReadStream(step.local, { start: size }), step.remote, {
        writeStreamOptions: { flags: 'r+', start: size },
      });
      break;
    }
    case 'get':
      await client.fastGet(step.remote, step.local);
      break;
    case 'resume-get': {
      const start = statSync(step.local).size;
      await client.get(step.remote, createWriteStream(step.local, { flags: 'a' }), { readStreamOptions: { start } });
      break;
    }
    case 'list':
      for (const { name, longname } of await client.list(step.remote)) console.log(`${name}\t${longname}`);
      break;
    case 'mkdir':
      await client.mkdir(step.remote);
      break;
    case 'rmdir':
      await client.rmdir(step.remote);
      break;
    case 'remove':
      await client.delete(step.remote);
      break;
    case 'rename':
      await client.rename(step.remote, step.to);
      break;
  }
}
await client.end();
