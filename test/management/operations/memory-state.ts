import type {
  AccessKeyRecord,
  AccessRecord,
  AuditRecord,
  Author,
  HostKeyRecord,
  ServerRecord,
  UserRecord,
} from '../../../src/state/records.ts';
import { MemorySessions } from './memory-sessions.ts';
import type { Draft, StateSnapshot, StateStore, StateTransaction } from '../../../src/state/state-store.ts';

type Table<Stored> = Map<string, Stored>;

interface Tables {
  servers: Table<ServerRecord>;
  users: Table<UserRecord>;
  hostKeys: Table<HostKeyRecord>;
  accesses: Table<AccessRecord>;
  accessKeys: Table<AccessKeyRecord>;
}

/** What several nodes share: the tables, and one change at a time. */
export class SharedMemory {
  tables: Tables = {
    servers: new Map(),
    users: new Map(),
    hostKeys: new Map(),
    accesses: new Map(),
    accessKeys: new Map(),
  };
  revision = 0;
  readonly sessions = new MemorySessions();
  readonly trail: AuditRecord[] = [];
  readonly stores = new Set<MemoryState>();
  lane: Promise<unknown> = Promise.resolve();
}

/** A state of one test, in memory. It keeps the promises of the interface that the operations rely on. */
export class MemoryState implements StateStore {
  readonly kind = 'sqlite';
  readonly reachable = true;
  readonly outdated = false;
  snapshot: StateSnapshot;
  readonly #memory: SharedMemory;

  constructor(memory = new SharedMemory()) {
    this.#memory = memory;
    memory.stores.add(this);
    this.snapshot = snapshotOf(memory);
  }

  get sessions(): MemorySessions {
    return this.#memory.sessions;
  }

  caughtUp(): Promise<void> {
    return Promise.resolve();
  }

  onSnapshot(): () => void {
    return () => undefined;
  }

  onReachable(): () => void {
    return () => undefined;
  }

  change<Result>(author: Author, work: (state: StateTransaction) => Promise<Result>): Promise<Result> {
    const memory = this.#memory;
    const changed = memory.lane.then(async () => {
      const tables: Tables = structuredClone(memory.tables);
      const revision = memory.revision + 1;
      const entries: AuditRecord[] = [];
      const result = await work(
        transactionOver(tables, revision, memory.sessions, (entry) => {
          entries.push({ ...entry, ...author, revision, at: Date.now() });
        }),
      );
      memory.tables = tables;
      memory.revision = revision;
      // What is stored is JSON, as in a database.
      memory.trail.unshift(...(JSON.parse(JSON.stringify(entries)) as AuditRecord[]));
      for (const store of memory.stores) store.snapshot = snapshotOf(memory);
      return result;
    });
    memory.lane = changed.catch(() => undefined);
    return changed;
  }

  auditTrail({ before = Infinity, limit }: { before?: number; limit: number }): Promise<readonly AuditRecord[]> {
    return Promise.resolve(this.#memory.trail.filter(({ revision }) => revision < before).slice(0, limit));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function snapshotOf({ tables, revision }: SharedMemory): StateSnapshot {
  return {
    revision,
    servers: new Map(tables.servers),
    users: nested(tables.users, ({ userName }) => userName),
    hostKeys: nested(tables.hostKeys, ({ hostKeyId }) => hostKeyId),
    accesses: nested(tables.accesses, ({ externalId }) => externalId),
    accessKeys: new Map(tables.accessKeys),
  };
}

function nested<Stored extends { readonly serverId: string }>(table: Table<Stored>, keyOf: (record: Stored) => string) {
  const byServer = new Map<string, Map<string, Stored>>();
  for (const record of table.values()) {
    const inner = byServer.get(record.serverId) ?? new Map<string, Stored>();
    byServer.set(record.serverId, inner.set(keyOf(record), record));
  }
  return byServer;
}

function transactionOver(
  tables: Tables,
  revision: number,
  sessions: MemorySessions,
  audit: StateTransaction['audit'],
): StateTransaction {
  const done = Promise.resolve();
  const stored = <Stored>(record: Draft<Stored & { revision: number }>): Stored =>
    ({ ...(JSON.parse(JSON.stringify(record)) as object), revision }) as Stored;
  const path = (serverId: string, key: string) => `${serverId}/${key}`;
  const ofServer = <Stored extends { readonly serverId: string }>(table: Table<Stored>, serverId: string) =>
    [...table.entries()].filter(([, record]) => record.serverId === serverId);

  return {
    revision,
    servers: () => Promise.resolve([...tables.servers.values()]),
    server: (serverId) => Promise.resolve(tables.servers.get(serverId) ?? null),
    putServer(record) {
      tables.servers.set(record.serverId, stored<ServerRecord>(record));
      return done;
    },
    deleteServer(serverId) {
      tables.servers.delete(serverId);
      for (const table of [tables.users, tables.hostKeys, tables.accesses]) {
        for (const [key] of ofServer<UserRecord | HostKeyRecord | AccessRecord>(table, serverId)) table.delete(key);
      }
      return done;
    },
    user: (serverId, userName) => Promise.resolve(tables.users.get(path(serverId, userName)) ?? null),
    putUser(record) {
      tables.users.set(path(record.serverId, record.userName), stored<UserRecord>(record));
      return done;
    },
    deleteUser(serverId, userName) {
      tables.users.delete(path(serverId, userName));
      return done;
    },
    hostKeys: (serverId) => Promise.resolve(ofServer(tables.hostKeys, serverId).map(([, record]) => record)),
    putHostKey(record) {
      tables.hostKeys.set(path(record.serverId, record.hostKeyId), stored<HostKeyRecord>(record));
      return done;
    },
    deleteHostKey(serverId, hostKeyId) {
      tables.hostKeys.delete(path(serverId, hostKeyId));
      return done;
    },
    access: (serverId, externalId) => Promise.resolve(tables.accesses.get(path(serverId, externalId)) ?? null),
    putAccess(record) {
      tables.accesses.set(path(record.serverId, record.externalId), stored<AccessRecord>(record));
      return done;
    },
    deleteAccess(serverId, externalId) {
      tables.accesses.delete(path(serverId, externalId));
      return done;
    },
    accessKeys: () => Promise.resolve([...tables.accessKeys.values()]),
    putAccessKey(record) {
      tables.accessKeys.set(record.accessKeyId, stored<AccessKeyRecord>(record));
      return done;
    },
    deleteAccessKey(accessKeyId) {
      tables.accessKeys.delete(accessKeyId);
      return done;
    },
    openSession: (sessionId) => Promise.resolve(sessions.all.find((each) => each.sessionId === sessionId) ?? null),
    endSession(session) {
      sessions.askEnd(session);
      return done;
    },
    audit,
  };
}
