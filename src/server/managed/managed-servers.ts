import type { LoadedConfig } from '../../config/load.ts';
import type { ManagementConfig } from '../../config/schema.ts';
import { generatePrivateKeyOffLoop } from '../../crypto/keys/private-key.ts';
import type { FileServer, HostKeyFacts, ServerControl, ServerState } from '../../management/server-control.ts';
import { SettingRefused } from '../../management/server-control.ts';
import type { OpenSession } from '../../state/open-sessions.ts';
import type { ServerSettings, UserRecord } from '../../state/records.ts';
import type { StateSnapshot, StateStore } from '../../state/state-store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { ConnectionThrottle } from '../connection-throttle.ts';
import { FileDescriptors } from '../descriptors.ts';
import { connectSources } from '../metrics-sources.ts';
import type { PreparedConfig } from '../prepared-config.ts';
import type { RunningServer } from '../running-server.ts';
import { newServerId } from '../server-id.ts';
import type { SharedStorage } from '../start-server.ts';
import { receiveWindows, startServer } from '../start-server.ts';
import { attachSubscribers } from '../subscribers.ts';
import { describeFileServer, fileServerId, padded } from './file-server.ts';
import type { ServersHouse } from './managed-server.ts';
import { ManagedServer } from './managed-server.ts';
import { ManagedStorages } from './managed-storages.ts';
import { parseUser } from './managed-users.ts';
import { checkServable, checkSettings, parseHostKey } from './prepare-server.ts';
import { SessionReports } from './session-reports.ts';

/** The types of the host keys that a server gets: for clients of all ages, and one that is post-quantum. */
export const HOST_KEY_TYPES = ['ed25519', 'ecdsa-256', 'rsa', 'mldsa44-ed25519'] as const;

export interface ManagedServersParts {
  /** The machine's, with its section `management`. */
  readonly loaded: LoadedConfig;
  readonly management: ManagementConfig;
  /** The server that the file describes, where it describes one. */
  readonly fileServer: PreparedConfig | null;
  readonly state: StateStore;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** Ports that are taken on this machine: of the API, of the metrics. */
  readonly otherPorts?: readonly number[];
}

/** The server of the file, as it runs. */
interface RunningFileServer {
  readonly running: RunningServer;
  readonly described: FileServer;
  /** Ends the subscriptions to its events. */
  readonly detach: () => void;
}

/** All servers of a process that has a section `management`: those of the state, and the one of the file. */
export class ManagedServers implements ServerControl {
  readonly #parts: ManagedServersParts;
  readonly #storages: ManagedStorages;
  readonly #house: ServersHouse;
  readonly #servers = new Map<string, ManagedServer>();
  readonly #detach: () => void;
  readonly #unsubscribe: () => void;
  readonly #reports: SessionReports;
  #file: RunningFileServer | null;
  #stopped: Promise<void> | null = null;

  private constructor(
    parts: ManagedServersParts,
    storages: ManagedStorages,
    house: ServersHouse,
    file: RunningFileServer | null,
    detach: () => void,
  ) {
    this.#parts = parts;
    this.#storages = storages;
    this.#house = house;
    this.#file = file;
    this.#detach = detach;
    this.#reports = new SessionReports(parts.state, this, parts.log);
    this.#unsubscribe = parts.state.onSnapshot((snapshot) => {
      this.#follow(snapshot);
    });
  }

  /**
   * Opens the storages, starts the server of the file and those of the state. One of the state that cannot be started
   * hinders no other: the log says why, and so does `stateOf`.
   * @throws ConfigError for a storage, and what `startServer` throws for the server of the file
   */
  static async start(parts: ManagedServersParts): Promise<ManagedServers> {
    const { loaded, management, log, metrics, state } = parts;
    const node = newServerId();
    const detach = attachSubscribers(node, log, metrics);
    let storages: ManagedStorages | null = null;
    try {
      storages = await ManagedStorages.open(node, loaded, management);
      const house = houseOf(parts, storages);
      const file = parts.fileServer === null ? null : await startFileServer(parts.fileServer, parts, storages, house);
      const servers = new ManagedServers(parts, storages, house, file, detach);
      servers.#connectMetrics();
      servers.#follow(state.snapshot);
      await Promise.all([...servers.#servers.values()].map((server) => server.settled()));
      servers.#reports.begin();
      return servers;
    } catch (error) {
      await storages?.close();
      detach();
      throw error;
    }
  }

  get fileServer(): FileServer | null {
    return this.#file?.described ?? null;
  }

  /** The running server of the file, for a reload. */
  get runningFileServer(): RunningServer | null {
    return this.#file?.running ?? null;
  }

  /** Servers that were to be started and could not be. */
  get failed(): readonly string[] {
    return [...this.#servers].flatMap(([serverId, { state }]) => (state === 'START_FAILED' ? [serverId] : []));
  }

  /** Whether each storage has answered. */
  get ready(): boolean {
    return this.#storages.ready && this.#file?.running.readiness.ready !== false;
  }

  stateOf(serverId: string): ServerState {
    if (serverId === this.fileServer?.serverId) return this.#stopped === null ? 'ONLINE' : 'STOPPING';
    return this.#servers.get(serverId)?.state ?? 'OFFLINE';
  }

  async settled(serverId: string): Promise<void> {
    this.#follow(this.#parts.state.snapshot);
    await this.#servers.get(serverId)?.settled();
  }

  freePort(snapshot: StateSnapshot): number {
    const { from, to } = this.#parts.management.servers.ports;
    const taken = new Set([
      ...[...snapshot.servers.values()].map(({ port }) => port),
      ...(this.#parts.otherPorts ?? []),
      ...(this.#file === null ? [] : [this.#file.running.address.port]),
    ]);
    for (let port = from; port <= to; port += 1) if (!taken.has(port)) return port;
    const range = `from ${from} to ${to} ("management.servers.ports")`;
    throw new SettingRefused('ProtocolDetails.SftpPorts', `every port ${range} is taken: name another`);
  }

  checkServer(settings: ServerSettings, hostKeys: readonly string[]): void {
    checkSettings(settings, this.#parts.management);
    const port = settings.ProtocolDetails?.SftpPorts?.[0]?.SftpPort;
    const taken = [...(this.#parts.otherPorts ?? []), this.#file?.running.address.port];
    if (port !== undefined && taken.includes(port)) {
      throw new SettingRefused('ProtocolDetails.SftpPorts', `port ${port} is taken, by what is no server of the API`);
    }
    checkServable(this.#house.machine.loaded, settings, hostKeys);
  }

  checkUser(user: Omit<UserRecord, 'revision'>): void {
    parseUser(user, this.#house.sights);
  }

  inspectHostKey(privateKey: string): HostKeyFacts {
    const { type, fingerprint } = parseHostKey(privateKey).publicKey;
    return { type, fingerprint: padded(fingerprint) };
  }

  async makeHostKeys(): Promise<readonly string[]> {
    const made = HOST_KEY_TYPES.map((type) => generatePrivateKeyOffLoop(type, undefined, 'latticeport host key'));
    return (await Promise.all(made)).map(({ privateKey }) => privateKey);
  }

  reportSessions(): Promise<void> {
    return this.#reports.report();
  }

  /** Of this process, those that are logged in. */
  sessions(): readonly OpenSession[] {
    const ofFile = this.#file?.running.listener.sessionFacts ?? [];
    return [...ofFile, ...[...this.#servers.values()].flatMap(({ sessions }) => sessions)];
  }

  /** Of this process; whether there was one. */
  endSession(sessionId: string): boolean {
    if (this.#file?.running.listener.endSession(sessionId) === true) return true;
    return [...this.#servers.values()].some((server) => server.endSession(sessionId));
  }

  /** The server of the file follows a changed file. */
  async reloadFileServer(prepared: PreparedConfig): Promise<void> {
    if (this.#file === null) return;
    const { running } = this.#file;
    await running.reload(prepared);
    this.#file = { ...this.#file, described: describeRunning(running, prepared, this.#parts.management.account) };
  }

  /** Drains and stops all of them, then closes the storages. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#unsubscribe();
    await Promise.all([this.#file?.running.stop(), ...[...this.#servers.values()].map((server) => server.close())]);
    // Sessions that end slowly are in the list until then.
    await this.#reports.stop();
    await this.#storages.close();
    this.#file?.detach();
    this.#detach();
  }

  #follow(snapshot: StateSnapshot): void {
    if (this.#stopped !== null) return;
    for (const serverId of snapshot.servers.keys()) {
      if (this.#servers.has(serverId)) continue;
      this.#servers.set(serverId, new ManagedServer(serverId, snapshot, this.#house));
    }
    for (const [serverId, server] of this.#servers) {
      server.follow(snapshot);
      if (!snapshot.servers.has(serverId)) void this.#forget(serverId, server);
    }
  }

  /** A server that is gone from the state is gone here once its last session has ended. */
  async #forget(serverId: string, server: ManagedServer): Promise<void> {
    await server.close();
    if (this.#servers.get(serverId) === server) this.#servers.delete(serverId);
  }

  #connectMetrics(): void {
    const { metrics } = this.#house;
    if (metrics === undefined) return;
    const file = this.#file?.running.sources;
    const storages = [
      ...this.#storages.all.map(({ settings }) => settings),
      ...(file === undefined ? [] : [file.storage]),
    ];
    connectSources(
      metrics,
      storages,
      () => [...(file === undefined ? [] : [file]), ...[...this.#servers.values()].flatMap(({ sources }) => sources)],
      () =>
        new Map([
          ...(file === undefined ? [] : [[file.store, file.storage] as const]),
          ...this.#storages.all.map(({ store, settings }) => [store, settings] as const),
        ]),
    );
  }
}

function houseOf({ loaded, management, log, metrics }: ManagedServersParts, storages: ManagedStorages): ServersHouse {
  const [first] = storages.all;
  if (first === undefined) throw new RangeError('the configuration names no storage');
  return {
    machine: { loaded, management, storage: first.settings },
    sights: { storages, roles: management.roles },
    shared: {
      store: first.store,
      windows: receiveWindows(storages.budgets),
      files: new FileDescriptors(),
      throttle: new ConnectionThrottle(loaded.config.limits.connectionsPerSecondPerSource),
    },
    ...{ log, metrics },
  };
}

async function startFileServer(
  prepared: PreparedConfig,
  { loaded, management, log, metrics }: ManagedServersParts,
  storages: ManagedStorages,
  { shared }: ServersHouse,
): Promise<RunningFileServer> {
  const same = storages.samePlace(prepared.loaded.config.storage, loaded.file);
  const borrowed: SharedStorage | undefined = same === undefined ? undefined : { ...shared, store: same.store };
  const id = fileServerId(loaded.file);
  const detach = attachSubscribers(id, log, metrics);
  try {
    const running = await startServer(prepared, { log, metrics, id, shared: borrowed });
    return { running, described: describeRunning(running, prepared, management.account), detach };
  } catch (error) {
    detach();
    throw error;
  }
}

function describeRunning({ address }: RunningServer, prepared: PreparedConfig, account: string): FileServer {
  const described = describeFileServer(prepared, account);
  return { ...described, server: { ...described.server, port: address.port } };
}
