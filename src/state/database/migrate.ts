import type { Kysely } from 'kysely';
import { MIGRATIONS } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import type { StateQueries } from './schema.ts';

/** The database has a schema with which this version cannot work. */
export class StateVersionError extends Error {
  override readonly name = 'StateVersionError';
}

/** Which schema the database has. One row. Older software reads it, too: it never changes. */
interface VersionTable {
  schema_version: { id: number; version: number; compatible_from: number };
}

/**
 * Brings the schema to the newest version. It runs inside a transaction that nobody else can be in at the same time, so either
 * all steps are made or none. (Kysely's own migrator makes its tables outside of its lock, and holds none on SQLite.)
 * @returns the versions that were made
 * @throws StateVersionError
 */
export async function migrate(
  transaction: StateQueries,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<readonly number[]> {
  const db = transaction as unknown as Kysely<VersionTable>;
  await db.schema
    .createTable('schema_version')
    .ifNotExists()
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('compatible_from', 'integer', (column) => column.notNull())
    .execute();
  const row = await db.selectFrom('schema_version').selectAll().where('id', '=', 1).executeTakeFirst();
  const known = migrations.length;
  const version = row?.version ?? 0;
  if (version > known && (row?.compatible_from ?? 0) > known) {
    throw new StateVersionError(
      `its schema has version ${version}, and this version of Latticeport knows up to ${known}: a newer one has written it`,
    );
  }
  const wanted = migrations.filter((migration) => migration.version > version);
  for (const { up, version: made, compatibleFrom } of wanted) {
    await up(transaction as unknown as Parameters<typeof up>[0]);
    const reached = { version: made, compatible_from: compatibleFrom };
    await db
      .insertInto('schema_version')
      .values({ id: 1, ...reached })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(reached))
      .execute();
  }
  return wanted.map((migration) => migration.version);
}
