// Servers of the state in this process: a state of SQLite, two storages that are directories, and what an operator does.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseConfig, type LoadedConfig } from '../../../src/config/load.ts';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import type { GeneratedKey } from '../../../src/crypto/keys/private-key.ts';
import { ManagedServers } from '../../../src/server/managed/managed-servers.ts';
import { prepareConfig } from '../../../src/server/prepared-config.ts';
import { openState } from '../../../src/state/open-state.ts';
import type { ServerRecord, ServerSettings, Tag, UserRecord, UserSettings } from '../../../src/state/records.ts';
import { stateSecrets } from '../../../src/cli/state/state-secrets.ts';
import type { StateStore } from '../../../src/state/state-store.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import type { ConfigInput, LogLine } from '../test-server.ts';
import { SftpLogin } from './sftp-login.ts';

const AUTHOR = { accessKeyId: 'LPAKTEST', remoteAddress: '127.0.0.1' };
export const ROLE = 'arn:aws:iam::000000000000:role/sftp';
export const READER_ROLE = 'arn:aws:iam::000000000000:role/reader';
const HOST_KEY = generatePrivateKey('ed25519', undefined, 'host').privateKey;

/** A port that was free a moment ago. */
export async function unusedPort(): Promise<number> {
  const { server, port } = await holdPort();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A port that somebody else has. */
export async function holdPort(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

export class ManagedSite {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'latticeport-managed-'));
  readonly log: LogLine[] = [];
  readonly #clients = new Set<SftpLogin>();
  #state: StateStore | null = null;
  #servers: ManagedServers | null = null;
  readonly loaded: LoadedConfig;
  readonly host: string;

  /** `stateOf`: another node on that one's state; it listens at its own address. */
  constructor(more: Partial<ConfigInput> = {}, stateOf: ManagedSite | null = null) {
    const shared = stateOf?.loaded.config.management;
    this.host = shared === undefined ? '127.0.0.1' : '127.0.0.2';
    for (const bucket of ['inbox', 'outbox']) mkdirSync(this.data(bucket));
    const config = {
      management: {
        ...(shared === undefined ? {} : { state: shared.state, secretKeyFile: shared.secretKeyFile }),
        servers: { host: this.host },
        storages: {
          inbox: { type: 'local', root: this.data('inbox'), fsync: 'never' },
          outbox: { type: 'local', root: this.data('outbox'), fsync: 'never' },
        },
        roles: [
          { arn: READER_ROLE, buckets: ['outbox'], permissions: 'read-only' },
          { arn: 'arn:aws:iam::*:role/*', buckets: '*' },
        ],
      },
      limits: { connectionsPerSecondPerSource: 0 },
      shutdown: { drainSeconds: 5 },
      ...more,
    };
    const file = path.join(this.folder, 'latticeport.json');
    const text = JSON.stringify(config);
    writeFileSync(file, text, { mode: 0o600 });
    this.loaded = parseConfig(text, file);
  }

  data(bucket: string, ...names: string[]): string {
    return path.join(this.folder, bucket, ...names);
  }

  get state(): StateStore {
    if (this.#state === null) throw new Error('not started');
    return this.#state;
  }

  get servers(): ManagedServers {
    if (this.#servers === null) throw new Error('not started');
    return this.#servers;
  }

  async start(): Promise<this> {
    const { management } = this.loaded.config;
    if (management === undefined) throw new Error('no section "management"');
    this.#state = await openState(management.state, stateSecrets(this.loaded.file, management));
    const log = createLogger(
      { level: 'debug', format: 'json' },
      { write: (line: string) => this.log.push(JSON.parse(line) as LogLine) },
    );
    this.#servers = await ManagedServers.start({
      ...{ loaded: this.loaded, management, state: this.#state, log },
      fileServer: this.loaded.describesServer ? prepareConfig(this.loaded) : null,
    });
    return this;
  }

  /** As the process ends and another begins. */
  async restart(): Promise<void> {
    await this.#close();
    await this.start();
  }

  async end(): Promise<void> {
    await this.#close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) client.end();
    this.#clients.clear();
    await this.#servers?.stop();
    await this.#state?.close();
    this.#servers = null;
    this.#state = null;
  }

  async createServer(serverId: string, port: number, settings: ServerSettings = {}): Promise<void> {
    this.servers.checkServer(settings, [HOST_KEY]);
    await this.state.change(AUTHOR, async (state) => {
      await state.putServer({
        ...{ serverId, port, settings, createdAt: Date.now(), wanted: 'ONLINE', tags: [] },
      });
      await state.putHostKey({
        ...{ serverId, hostKeyId: `hostkey-${serverId.slice(2)}`, importedAt: Date.now(), description: null },
        ...{ type: 'ssh-ed25519', fingerprint: 'SHA256:=', privateKey: HOST_KEY, tags: [] },
      });
    });
    await this.servers.settled(serverId);
  }

  async changeServer(serverId: string, changes: Partial<ServerRecord>): Promise<void> {
    await this.state.change(AUTHOR, async (state) => {
      const record = await state.server(serverId);
      if (record === null) throw new Error(`no server ${serverId}`);
      await state.putServer({ ...record, ...changes });
    });
    await this.servers.settled(serverId);
  }

  async deleteServer(serverId: string): Promise<void> {
    await this.state.change(AUTHOR, (state) => state.deleteServer(serverId));
    await this.servers.settled(serverId);
  }

  async putUser(
    serverId: string,
    userName: string,
    keys: readonly GeneratedKey[],
    settings: Partial<UserSettings> = {},
    tags: readonly Tag[] = [],
  ): Promise<void> {
    const record: Omit<UserRecord, 'revision'> = {
      ...{ serverId, userName, createdAt: Date.now(), tags },
      settings: { Role: ROLE, HomeDirectory: `/inbox/${userName}`, ...settings },
      keys: keys.map(({ publicKey }, index) => ({ keyId: `key-${index}`, importedAt: Date.now(), body: publicKey })),
    };
    this.servers.checkUser(record);
    await this.state.change(AUTHOR, (state) => state.putUser(record));
    await this.servers.settled(serverId);
  }

  async deleteUser(serverId: string, userName: string): Promise<void> {
    await this.state.change(AUTHOR, (state) => state.deleteUser(serverId, userName));
    await this.servers.settled(serverId);
  }

  /** Logs in; rejects where that is refused. */
  async login(port: number, userName: string, { privateKey }: GeneratedKey): Promise<SftpLogin> {
    const client = await SftpLogin.open(port, userName, privateKey, this.host);
    this.#clients.add(client);
    return client;
  }
}
