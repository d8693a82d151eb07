import { SqliteStateDatabase } from '../../src/state/database/sqlite/sqlite-database.ts';
import { describeMigrations } from './migrations.ts';
import { fileOf, sqlitePlace } from './sqlite-place.ts';

describeMigrations('sqlite', sqlitePlace(), null, (settings) => SqliteStateDatabase.open(fileOf(settings)));
