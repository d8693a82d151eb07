import type { RawBuilder } from 'kysely';
import type { StateStore } from '../state-store.ts';
import type { Head, StateQueries } from './schema.ts';

/** Another node is changing the state. Nothing was changed here, and it can be tried again. */
export class InTheWay extends Error {
  override readonly name = 'InTheWay';
}

/**
 * One kind of database below the store. Whatever goes wrong with the connection, or with the place where the data is, rejects with
 * StateUnavailable. Other errors come as they are.
 */
export interface StateDatabase {
  readonly kind: StateStore['kind'];
  /** Milliseconds since the epoch, by the one clock that all nodes share: the database's, or the machine's. */
  readonly clock: RawBuilder<number>;
  /** How often `changed` wants to be asked, in milliseconds. */
  readonly pollMs: number;
  /**
   * One transaction during which nobody else changes anything, durable once it has resolved. `announce` tells other nodes of it.
   * @throws InTheWay, StateUnavailable
   */
  write<Result>(work: (db: StateQueries, head: Head) => Promise<Result>): Promise<Result>;
  /**
   * One transaction of what belongs to no revision: sessions that are open now. It waits for no disk, so that a crash of the
   * machine may undo it. @throws InTheWay, StateUnavailable
   */
  note<Result>(work: (db: StateQueries) => Promise<Result>): Promise<Result>;
  /** Tells other nodes, once the transaction `db` is committed. */
  announce(db: StateQueries, revision: number): Promise<void>;
  /** One transaction that sees one state of everything. @throws StateUnavailable */
  read<Result>(work: (db: StateQueries) => Promise<Result>): Promise<Result>;
  /** Asks, cheaply, whether there may be something else than revision `known`. @throws StateUnavailable */
  changed(known: number): Promise<boolean>;
  /** Calls `listener` where it is worth asking at once: something has changed, or the connection is lost. At most one listener. */
  onNotice(listener: () => void): void;
  close(): Promise<void>;
}
