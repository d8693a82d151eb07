// The built server under other versions of Node than the one that the scripts run: their OpenSSL may have no ML-KEM, so that
// other code does the same work. Real clients and our own `probe`, from each version against each, must not see a
// difference. The last line is "N passed, N failed, N skipped".
//
//   usage: node test/engines/run.ts NODE...     (programs; after npm run build)
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeIdentity } from '../interop/identity.ts';
import type { Identity } from '../interop/identity.ts';
import { isBuilt, startLatticeport } from '../interop/server-harness.ts';
import { findPeer } from '../peers/peers.ts';
import type { Peer } from '../peers/peers.ts';
import { endGroupsOnSignals, mustRun } from '../peers/process.ts';
import { sftpCommand } from '../server/openssh-sftp.ts';
import { makeTestFile, sha256OfFile } from '../soak/test-file.ts';

const FILE_BYTES = 3 * 1024 * 1024 + 1;
const MAIN = join(import.meta.dirname, '../../dist/cli/main.js');

/** Every hybrid: four Kyber drafts, three of ML-KEM, sntrup761 under both names. */
const HYBRIDS = [
  'mlkem768x25519-sha256',
  'mlkem768nistp256-sha256',
  'mlkem1024nistp384-sha384',
  'sntrup761x25519-sha512',
  'sntrup761x25519-sha512@openssh.com',
  'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org',
  'ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org',
  'ecdh-nistp521-kyber-1024r3-sha512-d00@openquantumsafe.org',
  'x25519-kyber-512r3-sha256-d00@amazon.com',
];
/** What OpenSSH's client has of these, and what it falls back on. */
const CLIENT_METHODS = ['mlkem768x25519-sha256', 'sntrup761x25519-sha512@openssh.com', 'ecdh-sha2-nistp521'];

interface ProbeReport {
  readonly methods: readonly { readonly method: string; readonly outcome: string }[];
}

let passed = 0;
let failed = 0;
let skipped = 0;

async function check(name: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
    passed += 1;
    console.log(`ok: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok: ${name}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

async function transfer(client: Peer, identity: Identity, port: number, directory: string, kex: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const source = join(directory, 'source');
  const sha256 = await makeTestFile(source, FILE_BYTES);
  const down = join(directory, 'down');
  const command = sftpCommand(client, { port, identity, directory }, { options: [`KexAlgorithms=${kex}`] });
  await mustRun(command, { input: `put ${source} file\nget file ${down}\nrm file\n` });
  if ((await sha256OfFile(down)) !== sha256) throw new Error('the bytes are not the same');
}

async function probe(node: string, port: number): Promise<void> {
  const command = [node, MAIN, 'probe', `127.0.0.1:${port}`, '--json'];
  const { stdout } = await mustRun(command, { env: { NODE_OPTIONS: undefined } });
  const outcomes = new Map((JSON.parse(stdout) as ProbeReport).methods.map(({ method, outcome }) => [method, outcome]));
  for (const name of HYBRIDS) {
    if (outcomes.get(name) !== 'works') throw new Error(`${name}: ${outcomes.get(name) ?? 'not tried'}\n${stdout}`);
  }
}

async function main(nodes: readonly string[]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'latticeport-engines-'));
  endGroupsOnSignals();
  try {
    if (!isBuilt()) throw new Error('dist/ is not there: run npm run build first');
    if (nodes.length === 0) throw new Error('name at least one Node program');
    const identity = await makeIdentity(join(directory, 'identity'));
    const client = findPeer('openssh-10');
    for (const [index, node] of nodes.entries()) {
      const version = (await mustRun([node, '--version'])).stdout.trim();
      const server = await startLatticeport({ directory: join(directory, `server-${index}`), identity, node: [node] });
      try {
        for (const kex of CLIENT_METHODS) {
          if (client === null) {
            skipped += 1;
            console.log(`skipped: ${version}: OpenSSH, ${kex}: OpenSSH 10 is not installed`);
            continue;
          }
          await check(`${version}: ${client.version}, ${kex}: a file up and down`, async () => {
            await transfer(client, identity, server.port, join(directory, `client-${index}-${kex}`), kex);
          });
        }
        for (const prober of new Set([process.execPath, ...nodes])) {
          const by = (await mustRun([prober, '--version'])).stdout.trim();
          await check(`${version}: every hybrid is completed by probe under ${by}`, async () => {
            await probe(prober, server.port);
          });
        }
      } finally {
        await server.stop();
      }
    }
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    process.exitCode = failed === 0 ? 0 : 1;
  }
}

await main(process.argv.slice(2));
