import type { RawBuilder } from 'kysely';
import type { AuditEntry } from './audit-trail.ts';
import type { StateQueries } from './database/schema.ts';
import { MAX_NAME_CHARACTERS } from './limits.ts';
import { RECORD_KINDS, type RecordKey, type RecordKind, type RecordKinds } from './record-kinds.ts';
import type { SessionOnNode } from './open-sessions.ts';
import type { AccessKeyRecord, AccessRecord, HostKeyRecord, ServerRecord, UserRecord } from './records.ts';
import type { SecretBox } from './secret-box.ts';
import { askEnd, readSession } from './session-rows.ts';
import type { Draft, StateTransaction } from './state-store.ts';
import { decodeRecord, encodeRecord, readRecords } from './stored-record.ts';

/** A record of a server that is not there. */
export class NoSuchServer extends Error {
  override readonly name = 'NoSuchServer';
}

/** The inside of a change, over a transaction of the database in which nobody else writes. */
export class RecordTransaction implements StateTransaction {
  readonly revision: number;
  readonly auditEntries: AuditEntry[] = [];
  readonly #db: StateQueries;
  readonly #secrets: SecretBox;
  readonly #clock: RawBuilder<number>;
  #wrote = false;
  #ended = false;
  /** The calls of one transaction run one after the other, whether they are awaited or not. */
  #lane: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  /** `clock`: the database's. */
  constructor(db: StateQueries, revision: number, secrets: SecretBox, clock: RawBuilder<number>) {
    this.#db = db;
    this.revision = revision;
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** Whether there is anything to commit. */
  get wrote(): boolean {
    return this.#wrote || this.auditEntries.length > 0;
  }

  /** The first failure of a call. After one of PostgreSQL's the transaction is lost, even if the caller has caught it. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** Waits for calls that nobody has awaited, and lets no more come. */
  async end(): Promise<void> {
    for (let lane = null; lane !== this.#lane;) {
      lane = this.#lane;
      await lane;
    }
    this.#ended = true;
  }

  /** Lets no more calls come, nor those that wait. */
  abandon(): void {
    this.#ended = true;
  }

  servers(): Promise<readonly ServerRecord[]> {
    return this.#call(() => readRecords(this.#db, this.#secrets, 'server'));
  }

  server(serverId: string): Promise<ServerRecord | null> {
    return this.#call(() => this.#one('server', { parent: '', key: serverId }));
  }

  putServer(record: Draft<ServerRecord>): Promise<void> {
    return this.#call(() => this.#put('server', record));
  }

  deleteServer(serverId: string): Promise<void> {
    return this.#call(async () => {
      await this.#delete('server', { parent: '', key: serverId });
      // Of every kind: a newer version on another node may store some that are not known here.
      await this.#db
        .updateTable('records')
        .set({ revision: this.revision, body: null, secret: null })
        .where('parent', '=', serverId)
        .where('body', 'is not', null)
        .execute();
    });
  }

  user(serverId: string, userName: string): Promise<UserRecord | null> {
    return this.#call(() => this.#one('user', { parent: serverId, key: userName }));
  }

  putUser(record: Draft<UserRecord>): Promise<void> {
    return this.#call(() => this.#put('user', record));
  }

  deleteUser(serverId: string, userName: string): Promise<void> {
    return this.#call(() => this.#delete('user', { parent: serverId, key: userName }));
  }

  hostKeys(serverId: string): Promise<readonly HostKeyRecord[]> {
    return this.#call(() => readRecords(this.#db, this.#secrets, 'host-key', serverId));
  }

  putHostKey(record: Draft<HostKeyRecord>): Promise<void> {
    return this.#call(() => this.#put('host-key', record));
  }

  deleteHostKey(serverId: string, hostKeyId: string): Promise<void> {
    return this.#call(() => this.#delete('host-key', { parent: serverId, key: hostKeyId }));
  }

  access(serverId: string, externalId: string): Promise<AccessRecord | null> {
    return this.#call(() => this.#one('access', { parent: serverId, key: externalId }));
  }

  putAccess(record: Draft<AccessRecord>): Promise<void> {
    return this.#call(() => this.#put('access', record));
  }

  deleteAccess(serverId: string, externalId: string): Promise<void> {
    return this.#call(() => this.#delete('access', { parent: serverId, key: externalId }));
  }

  accessKeys(): Promise<readonly AccessKeyRecord[]> {
    return this.#call(() => readRecords(this.#db, this.#secrets, 'access-key'));
  }

  putAccessKey(record: Draft<AccessKeyRecord>): Promise<void> {
    return this.#call(() => this.#put('access-key', record));
  }

  deleteAccessKey(accessKeyId: string): Promise<void> {
    return this.#call(() => this.#delete('access-key', { parent: '', key: accessKeyId }));
  }

  openSession(sessionId: string): Promise<SessionOnNode | null> {
    return this.#call(() => readSession(this.#db, this.#clock, sessionId));
  }

  endSession({ node, sessionId }: Pick<SessionOnNode, 'node' | 'sessionId'>): Promise<void> {
    return this.#call(async () => {
      await askEnd(this.#db, this.#clock, node, sessionId);
      this.#wrote = true;
    });
  }

  audit(entry: AuditEntry): void {
    this.#refuseAfterEnd();
    this.auditEntries.push(entry);
  }

  #call<Result>(work: () => Promise<Result>): Promise<Result> {
    const called = this.#lane.then(() => {
      this.#refuseAfterEnd();
      return work();
    });
    this.#lane = called.then(
      () => undefined,
      (error: unknown) => {
        this.#failure ??= { error };
      },
    );
    return called;
  }

  #refuseAfterEnd(): void {
    if (this.#ended) throw new Error('the change is over: its transaction was used after its end');
  }

  async #one<Kind extends RecordKind>(kind: Kind, at: RecordKey): Promise<RecordKinds[Kind] | null> {
    const row = await this.#db
      .selectFrom('records')
      .select(['revision', 'body', 'secret'])
      .where('kind', '=', kind)
      .where('parent', '=', at.parent)
      .where('key', '=', at.key)
      .executeTakeFirst();
    if (row === undefined || row.body === null) return null;
    const { body, ...rest } = row;
    return decodeRecord(kind, { ...at, ...rest, body }, this.#secrets);
  }

  async #put<Kind extends RecordKind>(kind: Kind, record: Draft<RecordKinds[Kind]>): Promise<void> {
    const { keyOf, ofServer } = RECORD_KINDS[kind];
    const at = keyOf(record);
    checkName(at.key);
    if (ofServer && (await this.#one('server', { parent: '', key: at.parent })) === null) {
      throw new NoSuchServer(`there is no server ${at.parent} for the ${kind} ${at.key}`);
    }
    const { body, secret } = encodeRecord(kind, record, this.#secrets);
    const stored = { revision: this.revision, body, secret };
    await this.#db
      .insertInto('records')
      .values({ kind, ...at, ...stored })
      .onConflict((conflict) => conflict.columns(['kind', 'parent', 'key']).doUpdateSet(stored))
      .execute();
    this.#wrote = true;
  }

  async #delete(kind: RecordKind, { parent, key }: RecordKey): Promise<void> {
    const { numUpdatedRows } = await this.#db
      .updateTable('records')
      .set({ revision: this.revision, body: null, secret: null })
      .where('kind', '=', kind)
      .where('parent', '=', parent)
      .where('key', '=', key)
      .where('body', 'is not', null)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows > 0n) this.#wrote = true;
  }
}

/** PostgreSQL's text holds neither NUL nor halves of surrogate pairs; both stores refuse the same. */
function checkName(name: string): void {
  if (name === '' || name.length > MAX_NAME_CHARACTERS || name.includes('\0') || !name.isWellFormed()) {
    throw new RangeError(`a name or id in the state has 1 to ${MAX_NAME_CHARACTERS} characters, and no NUL`);
  }
}
