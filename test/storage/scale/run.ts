// What must not grow: memory, with the length of a listing, the number of uploads, or the length of one. Through the built
// server, over SSH, onto an S3 double that counts and forgets. The last line is "N passed, N failed, N skipped".
//
//   usage: node test/storage/scale/run.ts [listing] [uploads] [long]     (after npm run build)
//
// LATTICEPORT_SCALE_ENTRIES (100,000), LATTICEPORT_SCALE_UPLOADS (200), LATTICEPORT_SCALE_GIB (20): how much.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from '../../interop/identity.ts';
import { makeIdentity } from '../../interop/identity.ts';
import type { RunningServer } from '../../interop/server-harness.ts';
import { isBuilt, startLatticeport } from '../../interop/server-harness.ts';
import { endGroupsOnSignals } from '../../peers/process.ts';
import { findSftp } from '../../server/openssh-sftp.ts';
import { DoubleProcess } from './double-process.ts';
import { listing } from './listing.ts';
import { longUpload } from './long-upload.ts';
import { manyUploads } from './many-uploads.ts';

/** What a scenario works with, and where it says what came of it. */
export interface Site {
  readonly double: DoubleProcess;
  readonly identity: Identity;
  /** An empty folder. */
  readonly directory: string;
  readonly start: (storage: Readonly<Record<string, unknown>>, limits?: object) => Promise<RunningServer>;
  /** A file of so many zero bytes that takes no room on the disk. */
  readonly sparseFile: (bytes: number) => Promise<string>;
  readonly report: (name: string, figures: string, problems: readonly string[]) => void;
}

const SCENARIOS = { listing, uploads: manyUploads, long: longUpload } as const;

let passed = 0;
let failed = 0;
let skipped = 0;

function report(name: string, figures: string, problems: readonly string[]): void {
  if (problems.length === 0) passed += 1;
  else failed += 1;
  console.log(`${problems.length === 0 ? 'ok' : 'not ok'}: ${name}: ${figures}`);
  for (const problem of problems) console.log(`   ${problem}`);
}

async function main(): Promise<void> {
  const chosen = process.argv.slice(2);
  const directory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'latticeport-scale-'));
  endGroupsOnSignals();
  try {
    if (!isBuilt()) throw new Error('dist/ is not there: run npm run build first');
    const identity = await makeIdentity(join(directory, 'identity'));
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      if (chosen.length > 0 && !chosen.includes(name)) continue;
      if (name !== 'listing' && findSftp() === null) {
        skipped += 1;
        console.log(`SKIP: ${name}: no OpenSSH client`);
        continue;
      }
      await runScenario(name, scenario, identity, join(directory, name));
    }
  } catch (error) {
    report('scale', error instanceof Error ? (error.stack ?? error.message) : String(error), ['did not end']);
  } finally {
    await rm(directory, { recursive: true, force: true });
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    process.exitCode = failed === 0 ? 0 : 1;
  }
}

async function runScenario(
  name: string,
  scenario: (site: Site) => Promise<void>,
  identity: Identity,
  directory: string,
): Promise<void> {
  await mkdir(directory);
  const double = await DoubleProcess.start();
  const servers: RunningServer[] = [];
  try {
    await scenario({
      double,
      identity,
      directory,
      start: async (storage, limits = {}) => {
        const server = await startLatticeport({
          directory,
          identity,
          storage: double.storage({ spoolDirectory: join(directory, 'spool'), ...storage }),
          config: { limits: { connectionsPerSecondPerSource: 0, ...limits }, log: { level: 'info', format: 'json' } },
        });
        servers.push(server);
        return server;
      },
      sparseFile: async (bytes) => {
        const path = join(directory, `source-${bytes}`);
        const file = await open(path, 'w');
        await file.truncate(bytes);
        await file.close();
        return path;
      },
      report: (what, figures, problems) => {
        report(`${name}: ${what}`, figures, problems);
      },
    });
  } catch (error) {
    report(name, error instanceof Error ? (error.stack ?? error.message) : String(error), ['did not end']);
  } finally {
    for (const server of servers) await server.stop();
    await double.stop();
  }
}

await main();
