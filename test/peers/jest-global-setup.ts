// Runs once before jest's workers start: the S3 servers that the chosen tests ask for, each on a free port. Their addresses
// reach the tests as environment variables (S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, MOTO_ENDPOINT).
// A server whose address is set already is somebody else's and is used as it is.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './peers.ts';
import { freePort } from './process.ts';

const run = promisify(execFile);

/** What is read of jest's own configuration. */
interface GlobalConfig {
  readonly rootDir: string;
  readonly testPathPatterns?: { readonly patterns: readonly string[] };
}

/** The folder of this run's servers; jest-global-teardown.ts stops what runs in it. */
export const RUN_DIRECTORY_VARIABLE = 'LATTICEPORT_TEST_SERVERS';

export default async function globalSetup(config: GlobalConfig): Promise<void> {
  const wanted = variablesReadBy(chosenTests(config));
  const starts: (() => Promise<string>)[] = [];
  const directory = await mkdtemp(join(tmpdir(), 'latticeport-test-servers-'));
  process.env[RUN_DIRECTORY_VARIABLE] = directory;

  if (
    wanted.has('S3_ENDPOINT') &&
    process.env['S3_ENDPOINT'] === undefined &&
    findProgram('machine', 'radosgw') !== null
  ) {
    starts.push(async () => up('s3-up.sh', join(directory, 's3')));
  }
  if (
    wanted.has('MOTO_ENDPOINT') &&
    process.env['MOTO_ENDPOINT'] === undefined &&
    findProgram('sid', 'moto_server') !== null
  ) {
    starts.push(async () => up('moto-up.sh', join(directory, 'moto')));
  }
  for (const answer of await Promise.all(starts.map(async (start) => start()))) {
    for (const line of answer.split('\n')) {
      const [name, value] = line.split('=', 2);
      if (name !== undefined && value !== undefined) process.env[name] = value;
    }
  }
  // moto checks no signature, but the SDK wants something to sign with
  process.env['AWS_ACCESS_KEY_ID'] ??= 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test';
}

/** Starts a server by its script; answers the script's `NAME=value` lines. */
async function up(script: string, directory: string): Promise<string> {
  const environment = { ...process.env, OSD_STORE: 'memstore' };
  const { stdout } = await run(resolve(import.meta.dirname, script), [directory, String(await freePort())], {
    env: environment,
    timeout: 120_000,
  });
  return stdout;
}

function chosenTests(config: GlobalConfig): string[] {
  const patterns = (config.testPathPatterns?.patterns ?? []).map((pattern) => new RegExp(pattern, 'i'));
  return readdirSync(join(config.rootDir, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(config.rootDir, 'test', name))
    .filter((path) => path.endsWith('.ts') && (!path.endsWith('.test.ts') || matches(path, patterns)));
}

function matches(path: string, patterns: readonly RegExp[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => pattern.test(path));
}

/**
 * Which servers' variables the chosen tests name, themselves or through a module of the test folder that they import:
 * a run of a few unit tests should not wait for servers that it never asks.
 */
function variablesReadBy(paths: readonly string[]): Set<string> {
  const texts = new Map(paths.map((path) => [path, readFileSync(path, 'utf8')]));
  const seen = new Set<string>();
  const pending = paths.filter((path) => path.endsWith('.test.ts'));
  const variables = new Set<string>();
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const text = texts.get(path);
    if (text === undefined || seen.has(path)) continue;
    seen.add(path);
    for (const variable of ['S3_ENDPOINT', 'MOTO_ENDPOINT']) if (text.includes(variable)) variables.add(variable);
    for (const [, specifier] of text.matchAll(/from '(\.[^']+)'/g)) {
      if (specifier !== undefined) pending.push(resolve(path, '..', specifier));
    }
  }
  return variables;
}
