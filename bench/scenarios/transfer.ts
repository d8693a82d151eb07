import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { sftp } from '../clients/openssh.ts';
import { childrenGone, treeCpuSeconds } from '../../test/peers/process-tree.ts';
import type { RunningBenchServer } from '../servers/bench-server.ts';
import { localServers } from '../servers/servers.ts';
import type { Bench, Measurement, Scenario } from './scenario.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** What a name among the cases stands for. */
export interface Cipher {
  readonly name: string;
  readonly cipher: string;
  readonly mac?: string;
}

export const CIPHERS: readonly Cipher[] = [
  { name: 'aes128-gcm', cipher: 'aes128-gcm@openssh.com' },
  { name: 'aes256-gcm', cipher: 'aes256-gcm@openssh.com' },
  { name: 'chacha20-poly1305', cipher: 'chacha20-poly1305@openssh.com' },
  { name: 'aes128-ctr + hmac-sha2-256-etm', cipher: 'aes128-ctr', mac: 'hmac-sha2-256-etm@openssh.com' },
];

/** Checked once for each case and server: the figures of a server that mangles files are worth nothing. */
const verified = new Set<string>();

/** One large file up and down, one session, files in RAM at both ends. */
export const transfer: Scenario = {
  name: 'transfer',
  title: 'One large file over one session, files in RAM',
  method:
    "OpenSSH's sftp as the client with its defaults, a file of 1 GiB of random bytes, client and server on the same machine; " +
    'the time is that of the whole command, login included.',
  metrics: [
    { name: 'throughput', unit: 'MiB/s', better: 'higher' },
    { name: 'server CPU', unit: 's/GiB', better: 'lower' },
  ],
  cases: CIPHERS.flatMap(({ name }) => [`put ${name}`, `get ${name}`]),
  servers: localServers,
  async prepare(bench) {
    await makeRandomFile(sourceOf(bench), sizeOf(bench));
  },
  async measure(bench, server, oneCase): Promise<Measurement> {
    const [direction = ''] = oneCase.split(' ', 1);
    return measureTransfer(bench, server, direction, oneCase, cipherOf(oneCase));
  },
};

/** A whole put or get of the prepared file; a get finds what the put before it left. */
export async function measureTransfer(
  bench: Bench,
  server: RunningBenchServer,
  direction: string,
  oneCase: string,
  algorithms: { readonly cipher: string; readonly mac?: string },
): Promise<Measurement> {
  const remote = join(server.remoteRoot, 'large');
  const down = join(bench.directory, 'down');
  const { identity } = bench;
  const login = { port: server.port, user: server.user, key: identity.userKeys['ed25519'].path, ...algorithms };
  const cpuBefore = treeCpuSeconds(server.pid);
  const { milliseconds } = await sftp(
    login,
    direction === 'put' ? [`put ${sourceOf(bench)} ${remote}`] : [`get ${remote} ${down}`],
  );
  await childrenGone(server.pid);
  const cpuSeconds = treeCpuSeconds(server.pid) - cpuBefore;
  if (direction === 'get') {
    await checkOnce(bench, server, oneCase, down);
    await rm(down);
  }
  const bytes = sizeOf(bench);
  return { throughput: bytes / MIB / (milliseconds / 1000), 'server CPU': cpuSeconds / (bytes / GIB) };
}

/** The cipher that a case ends with. */
export function cipherOf(oneCase: string): Cipher {
  const cipher = CIPHERS.find(({ name }) => oneCase.endsWith(` ${name}`));
  if (cipher === undefined) throw new Error(`no such case: ${oneCase}`);
  return cipher;
}

/** Throws unless `down` is the file that was put; looks once for each server and case. */
export async function checkOnce(
  bench: Bench,
  server: RunningBenchServer,
  oneCase: string,
  down: string,
): Promise<void> {
  const key = `${String(server.pid)} ${oneCase}`;
  if (verified.has(key)) return;
  verified.add(key);
  if ((await sha256(down)) !== (await sha256(sourceOf(bench)))) throw new Error('the file came back different');
}

export const sizeOf = (bench: Bench): number => (bench.smoke ? 16 * MIB : GIB);
export const sourceOf = (bench: Bench): string => join(bench.directory, 'source');

export async function makeRandomFile(path: string, bytes: number): Promise<void> {
  const block = Buffer.alloc(16 * MIB);
  const file = await open(path, 'w');
  try {
    for (let left = bytes; left > 0; left -= block.length) {
      randomFillSync(block);
      await file.write(block, 0, Math.min(left, block.length));
    }
  } finally {
    await file.close();
  }
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: MIB }), hash);
  return hash.digest('hex');
}
