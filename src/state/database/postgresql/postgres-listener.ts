import pg from 'pg';
import { RECONNECT_DELAY_MS } from '../../limits.ts';
import { StateUnavailable } from '../../state-store.ts';
import type { SchemaVersion } from '../schema-version.ts';
import { clientSettings } from './postgres-pool.ts';
import { postgresProblem } from './postgres-problem.ts';

/** The channel of NOTIFY. Its payload is the revision, which nobody needs to read: the table has it. */
export const CHANNEL = 'latticeport_state';

/** What the poll sees. */
interface StateLook extends SchemaVersion {
  readonly revision: number;
}

const LOOK =
  'select revision, version, compatible_from as "compatibleFrom" from head, schema_version where head.id = 1 and schema_version.id = 1';

/**
 * The one connection that hears of changes. The poll goes over the same connection, and so finds out when it is dead: one that is
 * would be silent for ever.
 */
export class PostgresListener {
  readonly #url: string;
  readonly #place: string;
  #client: pg.Client | null = null;
  #notice: () => void = () => undefined;
  #closed = false;
  /** How many attempts have failed since the last that succeeded, the reason of the last, and when the next may be made. */
  #failures = 0;
  #problem: unknown = null;
  #notBefore = 0;

  constructor(url: string, place: string) {
    this.#url = url;
    this.#place = place;
  }

  onNotice(listener: () => void): void {
    this.#notice = listener;
  }

  /** The revision of the state, and its schema. Not to be called again before it has answered. @throws StateUnavailable */
  async look(): Promise<StateLook> {
    if (this.#client === null && performance.now() < this.#notBefore) throw this.#problem;
    try {
      const client = this.#client ?? (await this.#connect());
      const { rows } = await client.query<StateLook>(LOOK);
      const [row] = rows;
      if (row === undefined) throw new StateUnavailable(`${this.#place}: the table head is empty`);
      this.#failures = 0;
      return row;
    } catch (error) {
      this.#problem = postgresProblem(error, this.#place);
      this.#drop();
      const longest = Math.min(RECONNECT_DELAY_MS.least * 2 ** this.#failures, RECONNECT_DELAY_MS.most);
      this.#failures += 1;
      this.#notBefore = performance.now() + longest * (0.5 + Math.random() / 2);
      throw this.#problem;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#notice = () => undefined;
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<pg.Client> {
    if (this.#closed) throw new StateUnavailable(`${this.#place} was closed`);
    const client = new pg.Client(clientSettings(this.#url));
    const lost = (): void => {
      if (this.#client !== client) return;
      this.#drop();
      this.#notice();
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', () => {
      this.#notice();
    });
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    } catch (error) {
      discard(client);
      throw error;
    }
    // close() may have come meanwhile.
    if (this.#isClosed()) {
      discard(client);
      throw new StateUnavailable(`${this.#place} was closed`);
    }
    // pg has it, its types do not.
    (client as pg.Client & { unref(): void }).unref();
    this.#client = client;
    return client;
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #drop(): void {
    const client = this.#client;
    this.#client = null;
    if (client !== null) discard(client);
  }
}

/** Says goodbye where the other end listens, and waits for nothing. */
function discard(client: pg.Client): void {
  client.end().catch(() => undefined);
}
