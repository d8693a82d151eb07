// A client that logs in many times, or many times at once, in a process of its own. Its argument is a JSON object (LoadJob);
// it prints one JSON object. Our own client role: the fastest client at hand, and the only one with every key exchange method.
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { prepareKexMethods } from '../../src/crypto/kex/kex-constructors.ts';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { DISCONNECT_REASON } from '../../src/transport/disconnect.ts';
import { SshTestClient } from '../../test/client/ssh-test-client.ts';
import { SftpChannel } from '../../test/client/sftp-channel.ts';
import type { LoadJob, LoadResult } from './load-job.ts';

const USERAUTH_SUCCESS = 52;
const NOT_LET_IN = new Error('not let in');

const job = JSON.parse(process.argv[2] ?? '{}') as LoadJob;
const key = parsePrivateKey(readFileSync(job.key, 'utf8'));
const algorithms = {
  kex: [job.kex],
  hostKeys: [job.hostKey],
  ciphers: ['aes128-gcm@openssh.com'],
  macs: ['hmac-sha2-256'],
};

await prepareKexMethods([job.kex]);

let turn = 0;
function nextUser(): string {
  const user = job.users === undefined ? job.user : `${job.user}-${turn % job.users}`;
  turn += 1;
  return user;
}

async function login(): Promise<SshTestClient> {
  const client = SshTestClient.connect(job.port, { algorithms, version: 'SSH-2.0-LatticeportBench_1' });
  await client.startAuth();
  if ((await client.publicKey(nextUser(), key, job.signature)) !== USERAUTH_SUCCESS) throw NOT_LET_IN;
  await SftpChannel.open(client);
  return client;
}

/** `false` where the server does not have the method, or one of the keys' algorithms. */
async function supported(): Promise<boolean> {
  try {
    (await login()).end();
    return true;
  } catch (error) {
    if (error === NOT_LET_IN) return false;
    const reason = (error as { reason?: unknown }).reason;
    if (reason === DISCONNECT_REASON.KEY_EXCHANGE_FAILED) return false;
    throw error;
  }
}

/** Logs in for so long; how many times. Those that are under way at the end are waited for, and count. */
async function logins(seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let count = 0;
  await Promise.all(
    Array.from({ length: job.concurrency }, async () => {
      do {
        (await login()).end();
        count += 1;
      } while (performance.now() < end);
    }),
  );
  return count;
}

function say(result: LoadResult): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

if (!(await supported())) {
  say({ supported: false, count: 0, seconds: 0 });
} else if ('hold' in job.load) {
  const { hold } = job.load;
  const held: SshTestClient[] = [];
  const begun = performance.now();
  while (held.length < hold) {
    const batch = Math.min(job.concurrency, hold - held.length);
    held.push(...(await Promise.all(Array.from({ length: batch }, login))));
  }
  say({ supported: true, count: hold, seconds: (performance.now() - begun) / 1000 });
  // until the caller has measured, and closes our standard input
  process.stdin.resume();
  await once(process.stdin, 'end');
} else {
  // Not measured: code is compiled and memory grows until then.
  await logins(job.load.warmUpSeconds);
  process.stdout.write('ready\n');
  const begun = performance.now();
  const count = await logins(job.load.seconds);
  say({ supported: true, count, seconds: (performance.now() - begun) / 1000 });
}
process.exit(0);
