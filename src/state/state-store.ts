import type { OpenSessions, SessionOnNode } from './open-sessions.ts';
import type {
  AccessKeyRecord,
  AccessRecord,
  AuditRecord,
  Author,
  HostKeyRecord,
  ServerRecord,
  UserRecord,
} from './records.ts';

/** The state as it was at one revision. It never changes: the store replaces it as a whole. */
export interface StateSnapshot {
  /** Grows by one with every change, on all nodes together. 0: nothing has ever been written. */
  readonly revision: number;
  readonly servers: ReadonlyMap<string, ServerRecord>;
  /** By server, then by name. A server without users may be missing. */
  readonly users: ReadonlyMap<string, ReadonlyMap<string, UserRecord>>;
  /** By server, then by id. */
  readonly hostKeys: ReadonlyMap<string, ReadonlyMap<string, HostKeyRecord>>;
  /** By server, then by external id. */
  readonly accesses: ReadonlyMap<string, ReadonlyMap<string, AccessRecord>>;
  readonly accessKeys: ReadonlyMap<string, AccessKeyRecord>;
}

/** A record without what the store itself decides. */
export type Draft<Stored extends { readonly revision: number }> = Omit<Stored, 'revision'>;

/**
 * The inside of one change. What it reads is the state as it is now, not as the last snapshot shows it, and nobody else changes
 * it meanwhile. Deleting what is not there does nothing.
 */
export interface StateTransaction {
  /** The revision that this change makes. */
  readonly revision: number;
  servers(): Promise<readonly ServerRecord[]>;
  server(serverId: string): Promise<ServerRecord | null>;
  putServer(record: Draft<ServerRecord>): Promise<void>;
  /** With its users, host keys and accesses. */
  deleteServer(serverId: string): Promise<void>;
  user(serverId: string, userName: string): Promise<UserRecord | null>;
  putUser(record: Draft<UserRecord>): Promise<void>;
  deleteUser(serverId: string, userName: string): Promise<void>;
  hostKeys(serverId: string): Promise<readonly HostKeyRecord[]>;
  putHostKey(record: Draft<HostKeyRecord>): Promise<void>;
  deleteHostKey(serverId: string, hostKeyId: string): Promise<void>;
  access(serverId: string, externalId: string): Promise<AccessRecord | null>;
  putAccess(record: Draft<AccessRecord>): Promise<void>;
  deleteAccess(serverId: string, externalId: string): Promise<void>;
  accessKeys(): Promise<readonly AccessKeyRecord[]>;
  putAccessKey(record: Draft<AccessKeyRecord>): Promise<void>;
  deleteAccessKey(accessKeyId: string): Promise<void>;
  /** A session that is open now, as the list of `OpenSessions` has it. */
  openSession(sessionId: string): Promise<SessionOnNode | null>;
  /** Asks the node that has it to end it. The node hears of it as of every change. */
  endSession(session: Pick<SessionOnNode, 'node' | 'sessionId'>): Promise<void>;
  /** Written with the change, or not at all. */
  audit(entry: Pick<AuditRecord, 'operation' | 'resource' | 'before' | 'after'>): void;
}

/** The state cannot be reached, or does not answer in time. Nothing was changed, as far as is known. */
export class StateUnavailable extends Error {
  override readonly name: string = 'StateUnavailable';
}

/** A newer version of the software has made the state one that this version cannot work with, neither read nor change. */
export class StateVersionError extends StateUnavailable {
  override readonly name = 'StateVersionError';
}

/** Where the state is kept. */
export interface StateStore {
  readonly kind: 'sqlite' | 'postgresql';
  /** The newest that is known here. Reading it costs nothing and never waits. */
  readonly snapshot: StateSnapshot;
  /** Whether the last attempt to reach the state succeeded. Where not, `snapshot` is the last one that was read. */
  readonly reachable: boolean;
  /** What is open on all nodes now: no part of the snapshot. */
  readonly sessions: OpenSessions;
  /** Why it is not reachable: a newer version has changed it (StateVersionError). Only another version of this node helps. */
  readonly outdated: boolean;
  /**
   * Resolves once `snapshot` has every change that any node had acknowledged before the call. Where the state cannot be reached it
   * resolves at once, and where it does not answer, after CATCH_UP_MS: the snapshot is what there is then.
   */
  caughtUp(): Promise<void>;
  /** Calls `listener` after each replacement of the snapshot, by whichever node. Returns what ends it. */
  onSnapshot(listener: (snapshot: StateSnapshot, before: StateSnapshot) => void): () => void;
  /** Calls `listener` whenever `reachable` changes. Returns what ends it. */
  onReachable(listener: (reachable: boolean, problem: string | null) => void): () => void;
  /**
   * One change. Resolves to what `work` answers once it is durable and in `snapshot`; where `work` rejects, nothing is changed
   * and it rejects with the same. `work` may run again where another node was in the way.
   * @throws StateUnavailable
   */
  change<Result>(author: Author, work: (state: StateTransaction) => Promise<Result>): Promise<Result>;
  /** The trail, newest first, of revisions below `before` (default: all), at most `limit`. @throws StateUnavailable */
  auditTrail(options: { readonly before?: number; readonly limit: number }): Promise<readonly AuditRecord[]>;
  close(): Promise<void>;
}
