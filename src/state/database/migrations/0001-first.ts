import { randomUUID } from 'node:crypto';
import type { Migration } from './migration.ts';

/** The first released schema. */
export const first: Migration = {
  version: 1,
  compatibleFrom: 1,
  async up(db) {
    await db.schema
      .createTable('head')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('revision', 'bigint', (column) => column.notNull())
      .addColumn('deletions_from', 'bigint', (column) => column.notNull())
      .addColumn('history', 'text', (column) => column.notNull())
      .execute();
    await db.insertInto('head').values({ id: 1, revision: 0, deletions_from: 0, history: randomUUID() }).execute();

    await db.schema
      .createTable('records')
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('parent', 'text', (column) => column.notNull())
      .addColumn('key', 'text', (column) => column.notNull())
      .addColumn('revision', 'bigint', (column) => column.notNull())
      .addColumn('body', 'text')
      .addColumn('secret', 'text')
      .addPrimaryKeyConstraint('records_key', ['kind', 'parent', 'key'])
      .execute();
    await db.schema.createIndex('records_revision').on('records').column('revision').execute();

    await db.schema
      .createTable('audit')
      .addColumn('revision', 'bigint', (column) => column.notNull())
      .addColumn('position', 'integer', (column) => column.notNull())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('access_key_id', 'text', (column) => column.notNull())
      .addColumn('remote_address', 'text', (column) => column.notNull())
      .addColumn('operation', 'text', (column) => column.notNull())
      .addColumn('resource', 'text', (column) => column.notNull())
      .addColumn('before', 'text', (column) => column.notNull())
      .addColumn('after', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('audit_key', ['revision', 'position'])
      .execute();
  },
};
