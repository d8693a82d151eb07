// What is read in steps is what is read at once.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { applyChanges, EMPTY_SNAPSHOT } from '../../src/state/apply-changes.ts';
import { SqliteStateDatabase } from '../../src/state/database/sqlite/sqlite-database.ts';
import { readHead } from '../../src/state/database/schema.ts';
import { readChanges } from '../../src/state/read-changes.ts';
import type { StateSnapshot, StateTransaction } from '../../src/state/state-store.ts';
import { StoredState } from '../../src/state/stored-state.ts';
import { randomRuns, timeoutFor } from '../random-runs.ts';
import { access, accessKey, AUTHOR, contentOf, hostKey, secretBox, server, serverId, user } from './sample-records.ts';

const RUNS = randomRuns(100);

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'latticeport-state-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

type Step = (state: StateTransaction) => Promise<void>;

const number = fc.integer({ min: 1, max: 3 });
const name = fc.constantFrom('a', 'b', '__proto__');

/** A step that needs a server makes it where it is not there. */
const ofServer =
  (at: number, put: Step): Step =>
  async (state) => {
    if ((await state.server(serverId(at))) === null) await state.putServer(server(at));
    await put(state);
  };

const step: fc.Arbitrary<Step> = fc.oneof(
  number.map(
    (at): Step =>
      (state) =>
        state.putServer(server(at)),
  ),
  number.map(
    (at): Step =>
      (state) =>
        state.deleteServer(serverId(at)),
  ),
  fc.tuple(number, name, number).map(([at, who, keys]) => ofServer(at, (state) => state.putUser(user(at, who, keys)))),
  fc.tuple(number, name).map(
    ([at, who]): Step =>
      (state) =>
        state.deleteUser(serverId(at), who),
  ),
  fc.tuple(number, number).map(([at, key]) => ofServer(at, (state) => state.putHostKey(hostKey(at, key)))),
  fc.tuple(number, number).map(
    ([at, key]): Step =>
      (state) =>
        state.deleteHostKey(serverId(at), hostKey(at, key).hostKeyId),
  ),
  fc.tuple(number, name).map(([at, id]) => ofServer(at, (state) => state.putAccess(access(at, id)))),
  fc.tuple(number, name).map(
    ([at, id]): Step =>
      (state) =>
        state.deleteAccess(serverId(at), id),
  ),
  name.map(
    (id): Step =>
      (state) =>
        state.putAccessKey(accessKey(id)),
  ),
  name.map(
    (id): Step =>
      (state) =>
        state.deleteAccessKey(id),
  ),
);

test(
  'a snapshot that is brought up to date, from any revision on and in any steps, is the whole state',
  async () => {
    let count = 0;
    const changes = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(changes, async (steps) => {
        count += 1;
        const database = await SqliteStateDatabase.open(join(directory, `${count}.db`));
        const secrets = secretBox();
        const store = await StoredState.over(database, secrets);
        try {
          const update = async (from: StateSnapshot): Promise<StateSnapshot> => {
            const read = await database.read(async (db) => {
              const { history } = await readHead(db);
              return readChanges(
                db,
                { revision: from.revision, history: from === EMPTY_SNAPSHOT ? '' : history },
                secrets,
              );
            });
            return read === null ? from : applyChanges(from, read);
          };
          const seen: StateSnapshot[] = [EMPTY_SNAPSHOT];
          const contents: unknown[] = [contentOf(EMPTY_SNAPSHOT)];
          for (const ofChange of steps) {
            await store.change(AUTHOR, async (state) => {
              for (const one of ofChange) await one(state);
            });
            seen.push(store.snapshot);
            contents.push(contentOf(store.snapshot));
          }
          const whole = contentOf(await update(EMPTY_SNAPSHOT));
          for (const snapshot of seen) expect(contentOf(await update(snapshot))).toEqual(whole);
          // Nobody has changed an older snapshot on the way.
          expect(seen.map(contentOf)).toEqual(contents);
        } finally {
          await store.close();
        }
      }),
      { numRuns: RUNS },
    );
  },
  timeoutFor(RUNS),
);
