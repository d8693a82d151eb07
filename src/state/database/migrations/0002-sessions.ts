import type { Migration } from './migration.ts';

/** Sessions that are open now, by the node that has them. None of it belongs to a revision. */
export const sessions: Migration = {
  version: 2,
  // The software before does not know these tables, and loses nothing.
  compatibleFrom: 1,
  async up(db) {
    await db.schema
      .createTable('nodes')
      .addColumn('node', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('seen_at', 'bigint', (column) => column.notNull())
      .execute();

    await db.schema
      .createTable('node_sessions')
      .addColumn('node', 'text', (column) => column.notNull())
      .addColumn('session', 'text', (column) => column.notNull())
      .addColumn('server', 'text', (column) => column.notNull())
      .addColumn('user_name', 'text', (column) => column.notNull())
      .addColumn('connected_at', 'bigint', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('node_sessions_key', ['node', 'session'])
      .execute();
    await db.schema
      .createIndex('node_sessions_order')
      .on('node_sessions')
      .columns(['connected_at', 'session'])
      .execute();

    await db.schema
      .createTable('session_ends')
      .addColumn('node', 'text', (column) => column.notNull())
      .addColumn('session', 'text', (column) => column.notNull())
      .addColumn('asked_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('session_ends_key', ['node', 'session'])
      .execute();
  },
};
