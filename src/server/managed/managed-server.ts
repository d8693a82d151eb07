import type { ServerState } from '../../management/server-control.ts';
import type { OpenSession } from '../../state/open-sessions.ts';
import type { HostKeyRecord, ServerRecord } from '../../state/records.ts';
import type { StateSnapshot } from '../../state/state-store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { MetricsSources } from '../metrics-sources.ts';
import type { RunningServer } from '../running-server.ts';
import type { SharedStorage } from '../start-server.ts';
import { startServer } from '../start-server.ts';
import { attachSubscribers } from '../subscribers.ts';
import { ManagedUsers } from './managed-users.ts';
import type { ServersMachine } from './prepare-server.ts';
import { prepareServer } from './prepare-server.ts';
import type { Sights } from './user-sight.ts';

/** What all servers of the API in a process have in common. */
export interface ServersHouse {
  readonly machine: ServersMachine;
  readonly sights: Sights;
  readonly shared: SharedStorage;
  readonly log: Logger;
  readonly metrics: Metrics | undefined;
}

type HostKeys = ReadonlyMap<string, HostKeyRecord>;

/** What a running server was made of. */
interface InForce {
  readonly record: ServerRecord;
  readonly hostKeys: HostKeys;
}

interface Serving {
  readonly server: RunningServer;
  users: ManagedUsers;
  from: InForce;
}

const NO_HOST_KEYS: HostKeys = new Map();
/** The longest wait of a timer of Node is 24 days: looked at again before. */
const MAX_WAIT_MS = 24 * 3600 * 1000;
/** A start that has failed is tried again: an address may come late, and a port may be given back. */
const RETRY_START_MS = 15_000;

/** One server of the API on this node: opens and closes its port, and follows the state, one change after the other. */
export class ManagedServer {
  readonly serverId: string;
  readonly #house: ServersHouse;
  readonly #log: Logger;
  readonly #unsubscribe: () => void;
  readonly #draining = new Set<RunningServer>();
  #newest: StateSnapshot;
  /** The last that has been followed. */
  #followed: StateSnapshot | null = null;
  #work: Promise<void> = Promise.resolve();
  #serving: Serving | null = null;
  /** What could not be started, until it changes. */
  #failed: InForce | null = null;
  #stopFailed = false;
  #starting = false;
  #closed = false;
  #expiry: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(serverId: string, snapshot: StateSnapshot, house: ServersHouse) {
    this.serverId = serverId;
    this.#newest = snapshot;
    this.#house = house;
    this.#log = house.log.child({ server: serverId });
    this.#unsubscribe = attachSubscribers(serverId, this.#log, house.metrics);
  }

  get state(): ServerState {
    if (this.#starting) return 'STARTING';
    if (this.#serving !== null) return 'ONLINE';
    if (this.#failed !== null) return 'START_FAILED';
    if (this.#draining.size > 0) return 'STOPPING';
    return this.#stopFailed ? 'STOP_FAILED' : 'OFFLINE';
  }

  /** What serves, or lets its last sessions end. */
  get #listeners(): readonly RunningServer[] {
    return this.#serving === null ? [...this.#draining] : [this.#serving.server, ...this.#draining];
  }

  get sources(): readonly MetricsSources[] {
    return this.#listeners.map(({ sources }) => sources);
  }

  get sessions(): readonly OpenSession[] {
    return this.#listeners.flatMap(({ listener }) => listener.sessionFacts);
  }

  endSession(sessionId: string): boolean {
    return this.#listeners.some(({ listener }) => listener.endSession(sessionId));
  }

  /** Follows a newer snapshot, after what it is doing. */
  follow(snapshot: StateSnapshot): void {
    this.#newest = snapshot;
    this.#work = this.#work
      .then(() => this.#step())
      .catch((error: unknown) => {
        // Whatever it is, the next change is followed.
        this.#log.error({ event: 'managed.follow-failed', err: error }, 'a change was not followed to its end');
      });
  }

  /** Resolves when it does what the newest snapshot asks, or has failed to. Its last sessions may still be ending. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /** Drains and stops, for good. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#work;
    this.#stop();
    await this.#drained();
    this.#unsubscribe();
  }

  async #step(): Promise<void> {
    const snapshot = this.#newest;
    if (this.#closed || snapshot === this.#followed) return;
    this.#followed = snapshot;
    const record = snapshot.servers.get(this.serverId);
    if (record?.wanted !== 'ONLINE') {
      this.#failed = null;
      this.#stop();
      return;
    }
    const users = snapshot.users.get(this.serverId);
    const wanted: InForce = { record, hostKeys: snapshot.hostKeys.get(this.serverId) ?? NO_HOST_KEYS };
    if (this.#serving !== null && this.#serving.from.record.port !== record.port) this.#stop();
    if (this.#serving === null) {
      if (this.#failed === null || !isSame(this.#failed, wanted)) await this.#start(wanted, users);
      return;
    }
    if (!isSame(this.#serving.from, wanted)) await this.#change(this.#serving, wanted, users);
    else if (this.#serving.users.records !== users) await this.#changeUsers(this.#serving, users);
  }

  async #start(wanted: InForce, records: UsersOf): Promise<void> {
    clearTimeout(this.#retry);
    this.#starting = true;
    this.#stopFailed = false;
    this.#failed = null;
    const { metrics, shared } = this.#house;
    try {
      const users = this.#usersOf(wanted.record, records);
      const prepared = this.#prepare(wanted, users);
      const server = await startServer(prepared, { log: this.#log, metrics, id: this.serverId, shared });
      this.#serving = { server, users, from: wanted };
      this.#watchExpiry(this.#serving);
    } catch (error) {
      this.#failed = wanted;
      const { port } = wanted.record;
      this.#log.error({ event: 'managed.start-failed', port, err: error }, 'the server cannot be started; tried again');
      this.#retry = setTimeout(() => {
        if (this.#closed || this.#failed !== wanted) return;
        this.#failed = null;
        this.#followed = null;
        this.follow(this.#newest);
      }, RETRY_START_MS).unref();
    } finally {
      this.#starting = false;
    }
  }

  /** New connections follow the changed record; where that cannot work, what was in force stays. */
  async #change(serving: Serving, wanted: InForce, records: UsersOf): Promise<void> {
    try {
      const users = this.#usersOf(wanted.record, records);
      await serving.server.reload(this.#prepare(wanted, users));
      serving.users = users;
      this.#watchExpiry(serving);
      this.#log.info({ event: 'managed.changed' }, 'new connections use the changed settings');
    } catch (error) {
      this.#log.error({ event: 'managed.change-failed', err: error }, 'the settings before stay in force');
      await this.#changeUsers(serving, records);
    }
    serving.from = wanted;
  }

  async #changeUsers(serving: Serving, records: UsersOf): Promise<void> {
    serving.users.use(records);
    this.#watchExpiry(serving);
    await serving.server.usersChanged();
  }

  /** Lets go of the port at once, and of the sessions as they end. */
  #stop(): void {
    clearTimeout(this.#expiry);
    const serving = this.#serving;
    if (serving === null) return;
    this.#serving = null;
    const { server } = serving;
    this.#draining.add(server);
    server
      .stop()
      .catch((error: unknown) => {
        this.#stopFailed = true;
        this.#log.error({ event: 'managed.stop-failed', err: error }, 'the server could not be stopped as it should');
      })
      .finally(() => this.#draining.delete(server));
  }

  async #drained(): Promise<void> {
    await Promise.allSettled([...this.#draining].map((server) => server.stop()));
  }

  #usersOf({ settings }: ServerRecord, records: UsersOf): ManagedUsers {
    const ignoresSetStat = settings.ProtocolDetails?.SetStatOption === 'ENABLE_NO_OP';
    return new ManagedUsers(this.#house.sights, ignoresSetStat, records);
  }

  #prepare({ record, hostKeys }: InForce, users: ManagedUsers): ReturnType<typeof prepareServer> {
    const keys = [...hostKeys.values()].sort((one, other) => one.importedAt - other.importedAt);
    return prepareServer(this.#house.machine, record.settings, record.port, keys, users);
  }

  /** The sessions of a user end when it expires: nothing changes then that would be followed. */
  #watchExpiry(serving: Serving): void {
    clearTimeout(this.#expiry);
    const next = serving.users.nextExpiry();
    if (next === null) return;
    const wait = Math.min(Math.max(next - Date.now(), 0) + 1, MAX_WAIT_MS);
    this.#expiry = setTimeout(() => {
      if (this.#serving !== serving) return;
      void serving.server.usersChanged();
      this.#watchExpiry(serving);
    }, wait).unref();
  }
}

type UsersOf = StateSnapshot['users'] extends ReadonlyMap<string, infer Users> ? Users | undefined : never;

function isSame(one: InForce, other: InForce): boolean {
  return one.record.revision === other.record.revision && sameKeys(one.hostKeys, other.hostKeys);
}

function sameKeys(one: HostKeys, other: HostKeys): boolean {
  if (one === other) return true;
  return one.size === other.size && [...one].every(([id, { revision }]) => other.get(id)?.revision === revision);
}
