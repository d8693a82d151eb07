// The S3 servers of the tests: the scripts that start and stop them, and what the environment says of them.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { PeerName } from './peer-table.ts';
import { describeEnd, freePort, runProgram } from './process.ts';

export interface ServerScripts {
  readonly peer: Extract<PeerName, 'radosgw' | 'moto'>;
  /** The variable of the environment that holds its address: tests that need the server read it. */
  readonly variable: 'S3_ENDPOINT' | 'MOTO_ENDPOINT';
  /** The variable that says why there is none. */
  readonly missingVariable: string;
  readonly up: string;
  readonly down: readonly string[];
  /** How long it may take to serve. */
  readonly timeoutMs: number;
}

export const RADOSGW: ServerScripts = {
  peer: 'radosgw',
  variable: 'S3_ENDPOINT',
  missingVariable: 'LATTICEPORT_NO_RADOSGW',
  up: 's3-up.sh',
  down: ['s3-down.sh', '--purge'],
  timeoutMs: 150_000,
};
export const MOTO: ServerScripts = {
  peer: 'moto',
  variable: 'MOTO_ENDPOINT',
  missingVariable: 'LATTICEPORT_NO_MOTO',
  up: 'moto-up.sh',
  down: ['moto-down.sh'],
  timeoutMs: 60_000,
};

const DOWN_TIMEOUT_MS = 60_000;
const script = (name: string): string => resolve(import.meta.dirname, name);

/**
 * Starts the server on a free port of 127.0.0.1, with `command` where the script has no program of its own, and answers the
 * variables that the script printed. Throws, and has stopped whatever it had started, where the server does not serve.
 */
export async function bringUp(
  scripts: ServerScripts,
  directory: string,
  {
    command = [],
    env = {},
  }: { readonly command?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Map<string, string>> {
  const finished = await runProgram([script(scripts.up), directory, String(await freePort()), ...command], {
    env: { OSD_STORE: 'memstore', ...env },
    timeoutMs: scripts.timeoutMs,
  });
  const said = variablesIn(finished.stdout);
  if (finished.code === 0 && said.has(scripts.variable)) return said;
  await bringDown(scripts, directory);
  const last = finished.stderr.trim().split('\n').at(-1) ?? '';
  throw new Error(`${scripts.peer} does not start (${describeEnd(finished)}): ${last}`);
}

/** Stops what `bringUp` started; what it held is gone. */
export async function bringDown({ down: [name = '', ...options] }: ServerScripts, directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  await runProgram([script(name), directory, ...options], { timeoutMs: DOWN_TIMEOUT_MS });
}

/** The lines `NAME=value`; a value may hold more of the signs. */
function variablesIn(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([A-Z_0-9]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));
}
