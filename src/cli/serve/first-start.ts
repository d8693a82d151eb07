import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfig } from '../../config/load.ts';
import { parseConfig } from '../../config/load.ts';
import { generatePrivateKey, parsePrivateKey } from '../../crypto/keys/private-key.ts';
import { quoted } from '../../policy/config-error.ts';
import { CliError } from '../cli-error.ts';

/** What a start without a configuration uses, all under the present directory. */
const KEYS = 'keys';
const DEMO_KEY = `${KEYS}/demo_key`;
const KNOWN_HOSTS = `${KEYS}/known_hosts`;
/** The storage, and its directory. */
export const DEMO_DATA = 'data';
const DEFAULT_PORT = 2222;
/** The port of the management API is that of the endpoint and this: 8122 beside 2222. */
const API_PORT_OFFSET = 5900;
const MAX_PORT = 65_535;

/**
 * Where older versions had the host keys of their demo, whose server was none of the state. The one that takes its place goes
 * on with those that are there.
 */
const OLD_HOST_KEYS = [
  'ssh_host_ed25519_key',
  'ssh_host_ecdsa_key',
  'ssh_host_rsa_key',
  'ssh_host_mldsa44_ed25519_key',
];

export interface Demo {
  readonly loaded: LoadedConfig;
  readonly folder: string;
  /** What the operator asks for; undefined: what the server has, or the default. 0: what the system picks. */
  readonly askedPort: number | undefined;
  readonly defaultPort: number;
  /** The demo user's private key, as a path relative to the folder. */
  readonly keyFile: string;
}

/**
 * The embedded default: the machine's settings for servers and users of the state, which is kept in `state/`, files in `data/`,
 * all on 127.0.0.1. The server and the user are records of the state (demo-server.ts).
 * @throws CliError where the directory cannot be written
 */
export function firstStart(folder: string, askedPort: number | undefined): Demo {
  inWritable(folder, () => {
    for (const directory of [KEYS, DEMO_DATA]) mkdirSync(path.join(folder, directory), { recursive: true });
  });
  const config = {
    management: {
      listen: { port: apiPort(askedPort ?? DEFAULT_PORT) },
      servers: { host: '127.0.0.1' },
      storages: { [DEMO_DATA]: { type: 'local', root: DEMO_DATA } },
      roles: [{ arn: 'arn:aws:iam::000000000000:role/*', buckets: '*', permissions: 'read-write' }],
    },
  };
  const loaded = parseConfig(JSON.stringify(config), path.join(folder, '(embedded default)'));
  return { loaded, folder, askedPort, defaultPort: DEFAULT_PORT, keyFile: DEMO_KEY };
}

/** Whoever lets the system pick the one port, or leaves no room above it, lets it pick the other. */
function apiPort(port: number): number {
  const beside = port + API_PORT_OFFSET;
  return port === 0 || beside > MAX_PORT ? 0 : beside;
}

/** The private host keys of a demo that an older version has made; none in a new directory. @throws CliError */
export function oldHostKeys({ folder }: Demo): readonly string[] {
  const files = OLD_HOST_KEYS.map((name) => path.join(folder, KEYS, name)).filter((file) => existsSync(file));
  return inWritable(folder, () => files.map((file) => readFileSync(file, 'utf8')));
}

/** The demo user's public key, of a key pair that is made where there is none. @throws CliError */
export function demoPublicKey({ folder, keyFile }: Demo): string {
  const file = path.join(folder, keyFile);
  return inWritable(folder, () => {
    if (!existsSync(file)) {
      const key = generatePrivateKey('ed25519', undefined, 'latticeport demo user');
      // The private key takes its name when it is whole, after the public one: a start that is killed leaves nothing half.
      writeFileSync(`${file}.pub`, `${key.publicKey.trim()}\n`);
      writeFileSync(`${file}.new`, key.privateKey, { mode: 0o600 });
      chmodSync(`${file}.new`, 0o600);
      renameSync(`${file}.new`, file);
    }
    return publicLine(readFileSync(file, 'utf8'));
  });
}

/** The fingerprint of the demo user's key; null where somebody has taken it away, or another kind of file is there. */
export function demoKeyFingerprint({ folder, keyFile }: Demo): string | null {
  try {
    return parsePrivateKey(readFileSync(path.join(folder, keyFile), 'utf8')).publicKey.fingerprint;
  } catch {
    return null;
  }
}

function publicLine(privateKey: string): string {
  const { publicKey, comment } = parsePrivateKey(privateKey);
  return `${publicKey.type} ${publicKey.blob.toString('base64')} ${comment}`.trim();
}

/** Lines for known_hosts, so that the printed command asks no question; returns the file's relative path. */
export function writeKnownHosts(folder: string, host: string, port: number, publicKeyLines: readonly string[]): string {
  const name = port === 22 ? host : `[${host}]:${port}`;
  inWritable(folder, () => {
    writeFileSync(path.join(folder, KNOWN_HOSTS), publicKeyLines.map((line) => `${name} ${line}\n`).join(''));
  });
  return KNOWN_HOSTS;
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
