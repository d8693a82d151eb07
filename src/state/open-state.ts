import type { StateDatabase } from './database/state-database.ts';
import type { SecretBox } from './secret-box.ts';
import type { StateStore } from './state-store.ts';
import { StoredState } from './stored-state.ts';

/** Where the state is. */
export type StateSettings =
  { readonly type: 'sqlite'; readonly file: string } | { readonly type: 'postgresql'; readonly url: string };

/**
 * Opens the state, makes or migrates its schema where that is needed, and reads the first snapshot.
 * @throws StateUnavailable where it cannot be reached, StateVersionError where a newer version has written it, SecretUnreadable
 * where `secrets` has not the keys of its secrets
 */
export async function openState(settings: StateSettings, secrets: SecretBox): Promise<StateStore> {
  const database = await openDatabase(settings);
  try {
    return await StoredState.over(database, secrets);
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openDatabase(settings: StateSettings): Promise<StateDatabase> {
  // Each is loaded where it is wanted only.
  switch (settings.type) {
    case 'sqlite': {
      const { SqliteStateDatabase } = await import('./database/sqlite/sqlite-database.ts');
      return SqliteStateDatabase.open(settings.file);
    }
    case 'postgresql': {
      const { PostgresStateDatabase } = await import('./database/postgresql/postgres-database.ts');
      return PostgresStateDatabase.open(settings.url);
    }
  }
}
