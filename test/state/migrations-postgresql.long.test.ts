import { PostgresStateDatabase } from '../../src/state/database/postgresql/postgres-database.ts';
import { missingPeer } from '../peers/peers.ts';
import { describeMigrations } from './migrations.ts';
import { postgresPlace, urlOf } from './postgresql-place.ts';

describeMigrations('postgresql', postgresPlace(), missingPeer('postgresql'), (settings) =>
  PostgresStateDatabase.open(urlOf(settings)),
);
