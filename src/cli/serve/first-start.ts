import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfig } from '../../config/load.ts';
import { parseConfig } from '../../config/load.ts';
import { generatePrivateKey } from '../../crypto/keys/private-key.ts';
import { quoted } from '../../policy/config-error.ts';
import { CliError } from '../cli-error.ts';

/** What a start without a configuration uses, all under the present directory. */
const HOST_KEYS = [
  { file: 'keys/ssh_host_ed25519_key', type: 'ed25519' },
  { file: 'keys/ssh_host_ecdsa_key', type: 'ecdsa-256' },
  { file: 'keys/ssh_host_rsa_key', type: 'rsa' },
  { file: 'keys/ssh_host_mldsa44_ed25519_key', type: 'mldsa44-ed25519' },
] as const;
const DEMO_USER = 'demo';
const DEMO_KEY = 'keys/demo_key';
const DATA = 'data';
/** The port of the management API is that of the endpoint and this: 8122 beside 2222. */
const API_PORT_OFFSET = 5900;
const MAX_PORT = 65_535;

export interface Demo {
  readonly loaded: LoadedConfig;
  /** The demo user's private key, as a path relative to the present directory. */
  readonly keyFile: string;
  readonly userName: string;
}

/**
 * The embedded default: host keys and a demo user's key pair in `keys/`, files in `data/`, the state of the management API in
 * `state/`, on 127.0.0.1. What is there already is kept, so that a second start is the same endpoint.
 * @throws CliError where the directory cannot be written
 */
export function firstStart(folder: string, port: number): Demo {
  return inWritable(folder, () => makeDemo(folder, port));
}

function makeDemo(folder: string, port: number): Demo {
  for (const { file, type } of HOST_KEYS) makeKey(path.join(folder, file), type, 'latticeport host key');
  makeKey(path.join(folder, DEMO_KEY), 'ed25519', 'latticeport demo user');
  mkdirSync(path.join(folder, DATA), { recursive: true });
  const config = {
    listen: { host: '127.0.0.1', port },
    hostKeys: HOST_KEYS.map(({ file }) => file),
    storage: { type: 'local', root: DATA },
    users: [{ name: DEMO_USER, publicKeys: [readFileSync(path.join(folder, `${DEMO_KEY}.pub`), 'utf8').trim()] }],
    management: {
      listen: { port: apiPort(port) },
      servers: { host: '127.0.0.1' },
      storages: { [DATA]: { type: 'local', root: DATA } },
      roles: [{ arn: 'arn:aws:iam::000000000000:role/*', buckets: '*', permissions: 'read-write' }],
    },
  };
  const loaded = parseConfig(JSON.stringify(config), path.join(folder, '(embedded default)'));
  return { loaded, keyFile: DEMO_KEY, userName: DEMO_USER };
}

/** Whoever lets the system pick the one port, or leaves no room above it, lets it pick the other. */
function apiPort(port: number): number {
  const beside = port + API_PORT_OFFSET;
  return port === 0 || beside > MAX_PORT ? 0 : beside;
}

/** Lines for known_hosts, so that the printed command asks no question; returns the file's relative path. */
export function writeKnownHosts(folder: string, host: string, port: number, publicKeyLines: readonly string[]): string {
  const name = port === 22 ? host : `[${host}]:${port}`;
  const file = 'keys/known_hosts';
  inWritable(folder, () => {
    writeFileSync(path.join(folder, file), publicKeyLines.map((line) => `${name} ${line}\n`).join(''));
  });
  return file;
}

/** Runs `work`; where the system refuses something, one line says where and what to do. */
function inWritable<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !('path' in error)) throw error;
    throw new CliError(
      `the demo keeps its keys and files in ${quoted(folder)}, where ${quoted(error.path)} cannot be made or read ` +
        `(${String(error.code)}): start it in a directory of yours, or serve a configuration with --config FILE`,
    );
  }
}

function makeKey(file: string, type: Parameters<typeof generatePrivateKey>[0], comment: string): void {
  if (existsSync(file)) return;
  mkdirSync(path.dirname(file), { recursive: true });
  const key = generatePrivateKey(type, undefined, comment);
  writeFileSync(file, key.privateKey, { mode: 0o600, flag: 'wx' });
  chmodSync(file, 0o600);
  writeFileSync(`${file}.pub`, `${key.publicKey.trim()}\n`);
}
