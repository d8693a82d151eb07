import { MIGRATIONS } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import { refuseNewer } from './schema-version.ts';
import type { StateQueries } from './schema.ts';

/**
 * Brings the schema to the newest version. It runs inside a transaction that nobody else can be in at the same time, so either
 * all steps are made or none. (Kysely's own migrator makes its tables outside of its lock, and holds none on SQLite.)
 * `keepOut` is called before the first step on a database that others may be using, where the transaction alone keeps nobody out.
 * @returns the versions that were made
 * @throws StateVersionError
 */
export async function migrate(
  db: StateQueries,
  migrations: readonly Migration[] = MIGRATIONS,
  keepOut: () => Promise<void> = () => Promise.resolve(),
): Promise<readonly number[]> {
  await db.schema
    .createTable('schema_version')
    .ifNotExists()
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('compatible_from', 'integer', (column) => column.notNull())
    .execute();
  const row = await db.selectFrom('schema_version').selectAll().where('id', '=', 1).executeTakeFirst();
  const version = row?.version ?? 0;
  refuseNewer({ version, compatibleFrom: row?.compatible_from ?? 0 }, migrations.length);
  const wanted = migrations.filter((migration) => migration.version > version);
  if (version > 0 && wanted.length > 0) await keepOut();
  for (const { up, version: made, compatibleFrom } of wanted) {
    await up(db as unknown as Parameters<typeof up>[0]);
    const reached = { version: made, compatible_from: compatibleFrom };
    await db
      .insertInto('schema_version')
      .values({ id: 1, ...reached })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(reached))
      .execute();
  }
  return wanted.map((migration) => migration.version);
}
