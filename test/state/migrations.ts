// What a start does with a database of an earlier version, of none, and of a later one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { migrate } from '../../src/state/database/migrate.ts';
import { MIGRATIONS } from '../../src/state/database/migrations/index.ts';
import type { Migration } from '../../src/state/database/migrations/migration.ts';
import { openState, type StateSettings } from '../../src/state/open-state.ts';
import { StateVersionError } from '../../src/state/state-store.ts';
import type { StateDatabase } from '../../src/state/database/state-database.ts';
import type { StatePlace } from './contract.ts';
import { access, accessKey, AUTHOR, contentOf, hostKey, secretBox, server, serverId, user } from './sample-records.ts';

export function describeMigrations(
  name: string,
  place: StatePlace,
  missing: string | null,
  openDatabase: (settings: StateSettings) => Promise<StateDatabase>,
): void {
  (missing === null ? describe : describe.skip)(`migrations on ${missing ?? name}`, () => {
    beforeAll(() => place.begin());
    afterAll(() => place.end());

    test('their versions are 1, 2, 3, …, and each of them serves the software before it', () => {
      expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
      for (const { version, compatibleFrom } of MIGRATIONS) expect(compatibleFrom).toBeLessThanOrEqual(version);
    });

    // A released schema is a file here, written by the version that had it.
    test.each(MIGRATIONS.map(({ version }) => version))(
      'a database of version %i is brought up to date',
      async (version) => {
        const settings = await place.create();
        await place.run(
          settings,
          readFileSync(join(import.meta.dirname, 'released', `version-${version}.sql`), 'utf8'),
        );
        const store = await openState(settings, secretBox());
        const { snapshot } = store;
        await store.change(AUTHOR, (state) => state.putServer(server(3)));
        const trail = await store.auditTrail({ limit: 10 });
        await store.close();
        expect([snapshot.revision, store.snapshot.revision]).toEqual([3, 4]);
        expect([...snapshot.servers.values()]).toEqual([{ ...server(1), revision: 1 }]);
        expect([...(snapshot.users.get(serverId(1))?.values() ?? [])]).toEqual([
          { ...user(1, 'alice', 2), revision: 1 },
        ]);
        expect([...(snapshot.hostKeys.get(serverId(1))?.values() ?? [])]).toEqual([
          { ...hostKey(1, 1, 'a host key of version 1'), revision: 1 },
        ]);
        expect([...(snapshot.accesses.get(serverId(1))?.values() ?? [])]).toEqual([
          { ...access(1, 'S-1-1-12-1'), revision: 2 },
        ]);
        expect([...snapshot.accessKeys.values()]).toEqual([
          { ...accessKey('LPAK0000000000000001', 'a secret of version 1'), revision: 2 },
        ]);
        expect(trail).toMatchObject([{ revision: 1, operation: 'CreateServer', after: { port: 2201 } }]);
      },
    );

    test('many nodes that start at once on an empty database make it once', async () => {
      const settings = await place.create();
      const stores = await Promise.all(Array.from({ length: 5 }, () => openState(settings, secretBox())));
      await Promise.all(stores.map((store, index) => store.change(AUTHOR, (state) => state.putServer(server(index)))));
      const { snapshot } = await openState(settings, secretBox()).then(async (store) => {
        await store.close();
        return store;
      });
      await Promise.all(stores.map((store) => store.close()));
      expect([snapshot.revision, snapshot.servers.size]).toEqual([5, 5]);
    });

    test('a step that fails leaves the database as it was', async () => {
      const settings = await place.create();
      const database = await openDatabase(settings);
      const last = MIGRATIONS.length;
      const addTable = (version: number, compatibleFrom: number): Migration => ({
        version,
        compatibleFrom,
        up: (db) => db.schema.createTable(`made_by_${version}`).addColumn('id', 'integer').execute(),
      });
      const failing: Migration = {
        version: last + 2,
        compatibleFrom: 1,
        up: () => Promise.reject(new Error('a mistake')),
      };
      const run = (steps: readonly Migration[]): Promise<readonly number[]> =>
        database.write((db) => migrate(db, [...MIGRATIONS, ...steps]));
      await expect(run([addTable(last + 1, 1), failing])).rejects.toThrow('a mistake');
      // The table of the first step was undone with it: otherwise it could not be made again.
      expect(await run([addTable(last + 1, 1), addTable(last + 2, 1)])).toEqual([last + 1, last + 2]);
      expect(await run([addTable(last + 1, 1), addTable(last + 2, 1)])).toEqual([]);
      await database.close();
    });

    test('a newer schema is used where it says that this version can, and refused where not', async () => {
      const settings = await place.create();
      const store = await openState(settings, secretBox());
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      const content = contentOf(store.snapshot);
      await store.close();
      await place.run(settings, `update schema_version set version = 99, compatible_from = ${MIGRATIONS.length}`);
      // A kind of record that only the newer version knows.
      await place.run(settings, "insert into records values ('later', '', 'x', 1, '{}', null)");
      const again = await openState(settings, secretBox());
      expect(contentOf(again.snapshot)).toEqual(content);
      await again.close();
      await place.run(settings, 'update schema_version set compatible_from = 99');
      const refused = openState(settings, secretBox());
      await expect(refused).rejects.toBeInstanceOf(StateVersionError);
      await expect(refused).rejects.toThrow('version 99');
    });
  });
}
