import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hashPassword } from '../../src/auth/password-hash.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { configSchema } from '../../src/config/schema.ts';
import type { GeneratedKeyType } from '../../src/crypto/keys/key-registry.ts';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { prepareConfig } from '../../src/server/prepared-config.ts';
import type { RunningServer } from '../../src/server/running-server.ts';
import { startServer } from '../../src/server/start-server.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import type { z } from 'zod';

export type ConfigInput = z.input<typeof configSchema>;
export type LogLine = Record<string, unknown> & { event?: string; level: string };

export const PASSWORD = 'correct horse battery staple';

/** A server in this process, with keys of every type for user "demo", and its log as objects. */
export interface TestServer {
  readonly folder: string;
  readonly data: string;
  readonly port: number;
  readonly running: RunningServer;
  readonly log: LogLine[];
  /** Private key file of the demo user by type. */
  userKey(type: KeyName): string;
  /** A known_hosts file with the server's keys. */
  readonly knownHosts: string;
  readonly hostKeyLines: readonly string[];
  stop(): Promise<number>;
}

export const KEY_NAMES = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa'] as const;
export type KeyName = (typeof KEY_NAMES)[number];

interface SharedKeys {
  readonly folder: string;
  readonly publicLines: Record<KeyName, string>;
  readonly passwordHash: string;
}

/** Made once for all test processes, since RSA takes a while, and kept for the next run: they protect nothing. */
const KEY_FOLDER = path.join(tmpdir(), `latticeport-test-keys-${process.getuid?.() ?? 0}`);

let keys: Promise<SharedKeys> | null = null;

function sharedKeys(): Promise<SharedKeys> {
  keys ??= (async () => {
    if (!existsSync(KEY_FOLDER)) makeKeys();
    const publicLines = Object.fromEntries(
      KEY_NAMES.map((name) => [name, readFileSync(path.join(KEY_FOLDER, `user_${name}.pub`), 'utf8').trim()]),
    ) as Record<KeyName, string>;
    return { folder: KEY_FOLDER, publicLines, passwordHash: await hashPassword(PASSWORD) };
  })();
  return keys;
}

function makeKeys(): void {
  const folder = mkdtempSync(`${KEY_FOLDER}-`);
  for (const name of KEY_NAMES) {
    for (const purpose of ['user', 'host']) {
      const key = generatePrivateKey(name, name === 'rsa' ? 2048 : undefined, `${purpose} ${name}`);
      writeFileSync(path.join(folder, `${purpose}_${name}`), key.privateKey, { mode: 0o600 });
      writeFileSync(path.join(folder, `${purpose}_${name}.pub`), `${key.publicKey.trim()}\n`);
    }
  }
  try {
    renameSync(folder, KEY_FOLDER);
  } catch {
    // Another test process was faster.
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeHostKey(folder: string, type: GeneratedKeyType): string {
  const file = path.join(folder, `host_${type}`);
  writeFileSync(file, generatePrivateKey(type, undefined, `host ${type}`).privateKey, { mode: 0o600 });
  return file;
}

/** @param moreHostKeys types of host keys that are made for this server alone, beside those of KEY_NAMES */
export async function startTestServer(
  changes: Partial<ConfigInput> = {},
  moreHostKeys: readonly GeneratedKeyType[] = [],
): Promise<TestServer> {
  const shared = await sharedKeys();
  const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-test-'));
  chmodSync(folder, 0o700);
  const data = path.join(folder, 'data');
  mkdirSync(data);
  const input: ConfigInput = {
    listen: { host: '127.0.0.1', port: 0 },
    hostKeys: [
      ...KEY_NAMES.map((name) => path.join(shared.folder, `host_${name}`)),
      ...moreHostKeys.map((type) => makeHostKey(folder, type)),
    ],
    storage: { type: 'local', root: data, fsync: 'never' },
    users: [
      { name: 'demo', publicKeys: Object.values(shared.publicLines), passwordHash: shared.passwordHash, home: '/' },
      { name: 'reader', passwordHash: shared.passwordHash, permissions: 'read-only', home: '/' },
      { name: 'keyonly', publicKeys: [shared.publicLines.ed25519], home: '/' },
    ],
    ...changes,
    limits: { connectionsPerSecondPerSource: 0, ...changes.limits },
  };
  const log: LogLine[] = [];
  const logger = createLogger(
    { level: 'debug', format: 'json' },
    {
      write: (line: string) => {
        log.push(JSON.parse(line) as LogLine);
      },
    },
  );
  const running = await startServer(
    prepareConfig(parseConfig(JSON.stringify(input), path.join(folder, 'latticeport.json'))),
    { log: logger },
  );
  const { port } = running.address;
  const hostKeyLines = running.prepared.hostKeys.map(
    ({ publicKey }) => `${publicKey.type} ${publicKey.blob.toString('base64')}`,
  );
  const knownHosts = path.join(folder, 'known_hosts');
  writeFileSync(knownHosts, hostKeyLines.map((line) => `[127.0.0.1]:${port} ${line}\n`).join(''));
  let stopped: Promise<number> | null = null;
  return {
    folder,
    data,
    port,
    running,
    log,
    knownHosts,
    hostKeyLines,
    userKey: (type) => path.join(shared.folder, `user_${type}`),
    stop: () => {
      stopped ??= running.stop().finally(() => {
        rmSync(folder, { recursive: true, force: true });
      });
      return stopped;
    },
  };
}
