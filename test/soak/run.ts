// A large file up and down through the built server with a real client, with new keys every 16 MiB: the same bytes, memory
// within its bound, nothing left open. The last line is "N passed, N failed, N skipped".
//
//   usage: node test/soak/run.ts [MIB=1024]     (after npm run build)
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import type { RunningServer } from '../interop/server-harness.ts';
import { isBuilt, startLatticeport } from '../interop/server-harness.ts';
import type { Peer } from '../peers/peers.ts';
import { endGroupsOnSignals, mustRun } from '../peers/process.ts';
import { findSftp, sftpCommand } from '../server/openssh-sftp.ts';
import { connectionsAmong, inMib, MemoryWatch, openDescriptors, residentBytes } from './process-watch.ts';
import { S3Site } from './s3-site.ts';
import { makeTestFile, sha256OfFile } from './test-file.ts';

const MIB = 1024 * 1024;
const FILE_BYTES = Number(process.argv[2] ?? 1024) * MIB;
const WARM_UP_BYTES = 8 * MIB;
const REKEY_BYTES = 16 * MIB;
/** How far resident memory may rise above idle. */
const BOUND_BYTES = 150 * MIB;
const TRANSFER_TIMEOUT_MS = 300_000;
const SETTLE_MS = 10_000;

interface Store {
  readonly name: string;
  readonly storage: Readonly<Record<string, unknown>> | null;
  sha256(name: string): Promise<string>;
  /** Names of files, hidden and unfinished ones too. */
  contents(): Promise<string[]>;
  /** What of the open descriptors is a pooled connection. */
  readonly pooled: string | null;
}

let passed = 0;
let failed = 0;
let skipped = 0;

async function main(): Promise<void> {
  // In memory: the disk is not what is measured.
  const directory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'latticeport-soak-'));
  endGroupsOnSignals();
  const client = findSftp();
  let s3: S3Site | null = null;
  try {
    if (!isBuilt()) throw new Error('dist/ is not there: run npm run build first');
    if (client === null) {
      skip('local: no OpenSSH client');
      skip('s3: no OpenSSH client');
      return;
    }
    const identity = await makeIdentity(join(directory, 'identity'));
    const warmUp = join(directory, 'warm-up');
    await makeTestFile(warmUp, WARM_UP_BYTES);
    const source = join(directory, 'source');
    const sha256 = await makeTestFile(source, FILE_BYTES);
    const file = { source, sha256, warmUp };

    const localFolder = join(directory, 'local');
    const files = join(localFolder, 'files');
    await soak(client, identity, localFolder, file, {
      name: 'local',
      storage: null,
      sha256: async (name) => sha256OfFile(join(files, name)),
      contents: async () => readdir(files, { recursive: true }),
      pooled: null,
    });
    await rm(localFolder, { recursive: true, force: true });

    s3 = await S3Site.start(directory);
    if (s3 === null) {
      skip('s3: no radosgw');
      return;
    }
    const site = s3;
    const spool = join(directory, 'spool');
    await soak(client, identity, join(directory, 's3'), file, {
      name: 's3',
      storage: site.storage({ spoolDirectory: spool }),
      sha256: async (name) => site.sha256(name),
      contents: async () => {
        const unfinished = await site.multipartUploads();
        const spooled = existsSync(spool) ? await readdir(spool) : [];
        return [
          // The journal is there as long as the server is.
          ...(await site.keys()).filter((key) => !key.startsWith('.latticeport/')),
          ...spooled.map((name) => `spool/${name}`),
          ...(unfinished === 0 ? [] : [`${unfinished} multipart uploads`]),
        ];
      },
      pooled: site.descriptor,
    });
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    await s3?.stop();
    await rm(directory, { recursive: true, force: true });
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    process.exitCode = failed === 0 ? 0 : 1;
  }
}

async function soak(
  client: Peer,
  identity: Identity,
  directory: string,
  file: { readonly source: string; readonly sha256: string; readonly warmUp: string },
  store: Store,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const server = await startLatticeport({
    directory,
    identity,
    ...(store.storage === null ? {} : { storage: store.storage }),
    config: { rekey: { bytes: REKEY_BYTES, seconds: 3600 } },
  });
  try {
    const sftp = async (batch: string): Promise<number> => {
      const finished = await mustRun(sftpCommand(client, { port: server.port, identity, directory }), {
        input: batch,
        timeoutMs: TRANSFER_TIMEOUT_MS,
      });
      return finished.milliseconds;
    };
    const down = join(directory, 'down');
    await sftp(`put ${file.warmUp} warm-up\nget warm-up ${down}\nrm warm-up\n`);
    await rm(down);
    const idle = residentBytes(server.pid);
    await settled(() => (connectionsAmong(handles(server, store)).length === 0 ? null : 'a connection'));
    const before = handles(server, store);

    for (const direction of ['put', 'get'] as const) {
      const from = server.log().length;
      const watch = new MemoryWatch(server.pid);
      const milliseconds = await sftp(direction === 'put' ? `put ${file.source} large\n` : `get large ${down}\n`);
      const memory = watch.stop();
      const rekeys = server
        .log()
        .slice(from)
        .filter(({ event }) => event === 'session.rekeyed').length;
      const problems = [];
      const sum = direction === 'put' ? await store.sha256('large') : await sha256OfFile(down);
      if (sum !== file.sha256) problems.push('the bytes are not the same');
      if (memory.sampled - idle > BOUND_BYTES) {
        problems.push(`memory rose by ${inMib(memory.sampled - idle)}, more than ${inMib(BOUND_BYTES)}`);
      }
      // What the peer has sent before it hears of a key exchange still goes under the old keys.
      const expectedRekeys = Math.floor((FILE_BYTES / REKEY_BYTES) * 0.6);
      if (rekeys < expectedRekeys) problems.push(`${rekeys} rekeys where at least ${expectedRekeys} were due`);
      report(
        `${store.name} ${direction}`,
        `${inMib(FILE_BYTES)} in ${(milliseconds / 1000).toFixed(1)} s, ${inMib((FILE_BYTES / milliseconds) * 1000)}/s, ` +
          `${rekeys} rekeys; RSS: idle ${inMib(idle)}, sampled +${inMib(memory.sampled - idle)}, ` +
          `peak +${inMib(memory.peak - idle)} [${watch.samples.map((bytes) => Math.round(bytes / MIB)).join(' ')}]`,
        problems,
      );
    }
    await rm(down);

    const after = await settled(() => {
      const now = handles(server, store);
      return now.join() === before.join() ? null : now;
    });
    const contents = await store.contents();
    const bad = server.log().filter(({ level }) => level === 'error' || level === 'fatal');
    report(`${store.name}: nothing is left open`, `${before.length} descriptors besides pooled connections`, [
      ...(after === null ? [] : [`open: ${after.join(', ')}; before: ${before.join(', ')}`]),
      ...(contents.join() === 'large' ? [] : [`the store holds: ${contents.join(', ')}`]),
      ...bad.map((entry) => JSON.stringify(entry)),
    ]);
  } finally {
    const end = await server.stop();
    report(`${store.name}: the server stops`, end, end === 'exit status 0' ? [] : [server.process.stderr]);
  }
}

/** What the server holds open, less its pool of connections to the store. */
function handles(server: RunningServer, store: Store): string[] {
  return openDescriptors(server.pid).filter((target) => target !== store.pooled);
}

/** `null` once `wrong` answers null; otherwise its last answer at the deadline. */
async function settled<T>(wrong: () => T | null): Promise<T | null> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const answer = wrong();
    if (answer === null || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function report(name: string, figures: string, problems: readonly string[]): void {
  if (problems.length === 0) passed += 1;
  else failed += 1;
  console.log(`${problems.length === 0 ? 'ok' : 'not ok'}: ${name}: ${figures}`);
  for (const problem of problems) console.log(`   ${problem}`);
}

function skip(name: string): void {
  skipped += 1;
  console.log(`SKIP: ${name}`);
}

await main();
