// Starts the built server (dist/) with a configuration of its own in a temporary folder, as an operator would start it.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { hashPassword } from '../../src/auth/password-hash.ts';
import { ServerProcess } from '../peers/process.ts';
import type { Identity, KeyType } from './identity.ts';
import { KEY_TYPES } from './identity.ts';

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** A line of the server's log. */
export interface LogEntry {
  readonly event?: string;
  readonly level: string;
  readonly msg: string;
  readonly sessionId?: string;
  readonly [field: string]: unknown;
}

export interface HarnessOptions {
  /** An empty folder for the configuration and, unless `storage` says otherwise, the files. */
  readonly directory: string;
  readonly identity: Identity;
  /** Default: a local store in `directory`. */
  readonly storage?: Readonly<Record<string, unknown>>;
  /** Which host keys it has; default: all. */
  readonly hostKeys?: readonly KeyType[];
  /** Put over the harness's own configuration, setting by setting of the top level. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** A policy of the test's own; its lists replace those of `securityPolicy`. */
  readonly policy?: PolicyLists;
  /** For Node itself, such as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[];
  /** The command that runs Node; default: this process's own. */
  readonly node?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface PolicyLists {
  readonly kexs: readonly string[];
  readonly ciphers: readonly string[];
  readonly macs: readonly string[];
  readonly hostKeyAlgorithms: readonly string[];
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly process: ServerProcess;
  readonly identity: Identity;
  /** Where the files of the local store are. */
  readonly root: string;
  /** The log so far, oldest first. */
  log(): LogEntry[];
  /** The first entry, from entry `from` on, that `matches`, waiting for it up to `timeoutMs` (default 20 s). */
  logged(matches: (entry: LogEntry) => boolean, options?: { from?: number; timeoutMs?: number }): Promise<LogEntry>;
  /** SIGTERM, then SIGKILL after 10 s. Answers how it ended: "exit status 0" when all is well. */
  stop(): Promise<string>;
}

/** Whether `npm run build` has been run. */
export const isBuilt = (): boolean => existsSync(MAIN);

/** Starts a server and waits until it listens. Throws with the end of its output where it does not. */
export async function startLatticeport(options: HarnessOptions): Promise<RunningServer> {
  const { directory, identity } = options;
  const root = join(directory, 'files');
  await mkdir(root, { recursive: true });
  const file = join(directory, 'latticeport.json');
  const policy = options.policy === undefined ? {} : await writePolicy(directory, options.policy);
  const config = {
    listen: { host: '127.0.0.1', port: 0 },
    hostKeys: (options.hostKeys ?? KEY_TYPES).map((type) => identity.hostKeys[type].path),
    storage: options.storage ?? { type: 'local', root },
    users: [
      {
        name: identity.user,
        publicKeys: KEY_TYPES.map((type) => identity.userKeys[type].publicLine),
        passwordHash: await cheapHash(identity.password),
        home: '/',
      },
    ],
    // Every test comes from one address: what protects a real server from a flood would slow the tests down.
    limits: { connectionsPerSecondPerSource: 0 },
    log: { level: 'debug', format: 'json' },
    ...policy,
    ...options.config,
  };
  await writeFile(file, JSON.stringify(config, null, 2));

  const node = options.node ?? [process.execPath];
  const server = new ServerProcess([...node, ...(options.nodeArguments ?? []), MAIN, 'serve', '--config', file], {
    cwd: directory,
    env: { NODE_OPTIONS: undefined, ...options.env },
  });
  const listening = parse(
    await server.line((line) => parse(line)?.event === 'server.listening').catch(stopped(server)),
  );
  const port = listening?.['port'];
  if (typeof port !== 'number') throw new Error(`no port in ${JSON.stringify(listening)}`);

  return {
    host: '127.0.0.1',
    port,
    pid: server.pid,
    process: server,
    identity,
    root,
    log: () => server.lines.map(parse).filter((entry) => entry !== null),
    logged: async (matches, waiting) => {
      const line = await server.line((text) => {
        const entry = parse(text);
        return entry !== null && matches(entry);
      }, waiting);
      return JSON.parse(line) as LogEntry;
    },
    stop: async () => server.stop(),
  };
}

const hashes = new Map<string, Promise<string>>();

/** One hash for all servers of a run: it costs 100 ms by design. */
async function cheapHash(password: string): Promise<string> {
  const hash = hashes.get(password) ?? hashPassword(password);
  hashes.set(password, hash);
  return hash;
}

const POLICY_NAME = 'TransferInteropSecurityPolicy-Test';

async function writePolicy(directory: string, lists: PolicyLists): Promise<Record<string, unknown>> {
  const folder = join(directory, 'policies');
  await mkdir(folder, { recursive: true });
  const document = {
    Description: 'Made by the interoperability tests.',
    SecurityPolicy: {
      SecurityPolicyName: POLICY_NAME,
      Fips: false,
      Type: 'SERVER',
      Protocols: ['SFTP'],
      SshCiphers: lists.ciphers,
      SshKexs: lists.kexs,
      SshMacs: lists.macs,
      SshHostKeyAlgorithms: lists.hostKeyAlgorithms,
      TlsCiphers: [],
    },
  };
  await writeFile(join(folder, `${POLICY_NAME}.json`), JSON.stringify(document));
  return { securityPolicy: POLICY_NAME, policyDirectories: [folder] };
}

function stopped(server: ServerProcess): (error: unknown) => Promise<never> {
  return async (error) => {
    await server.stop('SIGKILL');
    throw error;
  };
}

function parse(line: string): LogEntry | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as LogEntry;
  } catch {
    return null;
  }
}
