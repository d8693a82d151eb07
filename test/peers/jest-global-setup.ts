// Runs once before jest's workers start: the S3 servers that the chosen tests ask for, each on a free port. Their addresses
// reach the tests as environment variables (S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, MOTO_ENDPOINT).
// A server whose address is set already is somebody else's and is used as it is. One that is not there, or cannot be started,
// is named in a variable of its own with the reason (s3-endpoints.ts), and its tests are skipped.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findPeer, missingPeer } from './peers.ts';
import { bringUp, MOTO, RADOSGW, type ServerScripts } from './server-scripts.ts';

/** What is read of jest's own configuration. */
interface GlobalConfig {
  readonly rootDir: string;
  readonly testPathPatterns?: { readonly patterns: readonly string[] };
  /** Then the patterns are modules, and which tests those are is jest's to find. */
  readonly findRelatedTests?: boolean;
}
interface ProjectConfig {
  readonly globals?: { readonly quick?: boolean };
}

/** The folder of this run's servers, and of what is known of the peers; jest-global-teardown.ts stops what runs in it. */
const RUN_DIRECTORY_VARIABLE = 'LATTICEPORT_TEST_SERVERS';

export default async function globalSetup(config: GlobalConfig, project: ProjectConfig = {}): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'latticeport-test-servers-'));
  process.env[RUN_DIRECTORY_VARIABLE] = directory;
  const patterns = config.findRelatedTests === true ? [] : (config.testPathPatterns?.patterns ?? []);
  const wanted = variablesReadBy(chosenTests(config.rootDir, patterns));
  // Whoever names files wants their servers, too.
  const heavy = project.globals?.quick !== true || patterns.length > 0;
  await Promise.all(
    [RADOSGW, MOTO].map(async (scripts) => {
      if (process.env[scripts.variable] !== undefined) return;
      const unasked = wanted.has(scripts.variable) ? null : `${scripts.peer} is asked by no chosen test`;
      const missing =
        unasked ??
        (heavy ? await start(scripts, join(directory, scripts.peer)) : `${scripts.peer} is left to npm run test:all`);
      if (missing !== null) process.env[scripts.missingVariable] = missing;
    }),
  );
  // moto checks no signature, but the SDK wants something to sign with
  process.env['AWS_ACCESS_KEY_ID'] ??= 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test';
}

/** Puts the server's variables into the environment; answers why there is no server, or `null`. */
async function start(scripts: ServerScripts, directory: string): Promise<string | null> {
  const peer = findPeer(scripts.peer);
  if (peer === null) return missingPeer(scripts.peer);
  try {
    const said = await bringUp(scripts, directory, { command: scripts.peer === 'moto' ? peer.command : [] });
    for (const [name, value] of said) process.env[name] = value;
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${reason}\nThe tests that need it are skipped.\n`);
    return reason;
  }
}

function chosenTests(rootDir: string, patterns: readonly string[]): string[] {
  const expressions = patterns.map((pattern) => new RegExp(pattern, 'i'));
  return readdirSync(join(rootDir, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(rootDir, 'test', name))
    .filter((path) => path.endsWith('.ts') && (!path.endsWith('.test.ts') || matches(path, expressions)));
}

function matches(path: string, patterns: readonly RegExp[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => pattern.test(path));
}

/**
 * Which servers' variables the chosen tests read, themselves or through a module of the test folder that they import:
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
    for (const variable of ['S3_ENDPOINT', 'MOTO_ENDPOINT'])
      if (text.includes(`process.env['${variable}']`)) variables.add(variable);
    for (const [, specifier] of text.matchAll(/from '(\.[^']+)'/g)) {
      if (specifier !== undefined) pending.push(resolve(path, '..', specifier));
    }
  }
  return variables;
}
