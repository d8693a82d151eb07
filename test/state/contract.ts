// What every store of the state promises (src/state/state-store.ts), whatever database it is on.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { openState, type StateSettings } from '../../src/state/open-state.ts';
import { NoSuchServer } from '../../src/state/record-transaction.ts';
import { rotateSecrets } from '../../src/state/rotate-secrets.ts';
import { SecretUnreadable, type SecretBox } from '../../src/state/secret-box.ts';
import { StateUnavailable, type StateStore } from '../../src/state/state-store.ts';
import { randomRuns } from '../random-runs.ts';
import {
  access,
  accessKey,
  AUTHOR,
  contentOf,
  hostKey,
  otherSecretBox,
  secretBox,
  server,
  serverId,
  user,
} from './sample-records.ts';
import { whenReachable, whenSnapshot } from './when.ts';

/** Where one kind of database is had for the tests. */
export interface StatePlace {
  begin(): Promise<void>;
  end(): Promise<void>;
  /** An empty database. */
  create(): Promise<StateSettings>;
  /** Makes it unreachable for open stores and new ones, and reachable again. */
  takeAway(settings: StateSettings): Promise<void>;
  giveBack(settings: StateSettings): Promise<void>;
  /** Everything that is stored, as bytes. */
  bytes(settings: StateSettings): Promise<Buffer>;
  /** Runs one statement, as somebody who works on the database by hand. */
  run(settings: StateSettings, sql: string): Promise<void>;
}

/** How soon a change is in force elsewhere; see `StateStore`. */
const IN_FORCE_MS = 1_000;
/** How often that is measured. */
const TIMES = randomRuns(100);

export function describeStateContract(name: string, place: StatePlace, missing: string | null): void {
  (missing === null ? describe : describe.skip)(`state on ${missing ?? name}`, () => {
    const opened: StateStore[] = [];
    const open = async (settings: StateSettings, secrets: SecretBox = secretBox()): Promise<StateStore> => {
      const store = await openState(settings, secrets);
      opened.push(store);
      return store;
    };
    beforeAll(() => place.begin());
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });
    afterAll(() => place.end());

    test('begins with nothing, at revision 0', async () => {
      const store = await open(await place.create());
      expect(store.kind).toBe(name);
      expect(store.reachable).toBe(true);
      expect(contentOf(store.snapshot)).toEqual({ revision: 0, maps: [[], [], [], [], []] });
    });

    test('keeps records of every kind, and has them again when it is opened again', async () => {
      const settings = await place.create();
      const store = await open(settings);
      const names = ['alice', 'Ünï ☃ 𝄞', `o'b"r\\ien%_`, '__proto__', 'constructor'];
      await store.change(AUTHOR, async (state) => {
        await state.putServer(server(1));
        for (const userName of names) await state.putUser(user(1, userName, 3));
        await state.putHostKey(hostKey(1, 1, 'first private key\n'));
        await state.putAccess(access(1, 'S-1-1-12-1234567890-123456789'));
        await state.putAccessKey(accessKey('LPAK0000000000000001', 'first secret'));
      });
      const { snapshot } = store;
      expect(snapshot.revision).toBe(1);
      expect(snapshot.servers.get(serverId(1))).toEqual({ ...server(1), revision: 1 });
      expect([...(snapshot.users.get(serverId(1))?.keys() ?? [])].sort()).toEqual([...names].sort());
      for (const userName of names) {
        expect(snapshot.users.get(serverId(1))?.get(userName)).toEqual({ ...user(1, userName, 3), revision: 1 });
      }
      expect([...(snapshot.hostKeys.get(serverId(1))?.values() ?? [])]).toEqual([
        { ...hostKey(1, 1, 'first private key\n'), revision: 1 },
      ]);
      expect([...(snapshot.accesses.get(serverId(1))?.values() ?? [])]).toEqual([
        { ...access(1, 'S-1-1-12-1234567890-123456789'), revision: 1 },
      ]);
      expect([...snapshot.accessKeys.values()]).toEqual([
        { ...accessKey('LPAK0000000000000001', 'first secret'), revision: 1 },
      ]);
      expect(contentOf((await open(settings)).snapshot)).toEqual(contentOf(snapshot));
    });

    test('a change reads what it has written, and what is there now', async () => {
      const store = await open(await place.create());
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      await store.change(AUTHOR, async (state) => {
        expect(state.revision).toBe(2);
        expect(await state.server(serverId(1))).toEqual({ ...server(1), revision: 1 });
        expect(await state.server(serverId(2))).toBeNull();
        await state.putServer({ ...server(1), wanted: 'OFFLINE' });
        await state.putServer(server(2));
        await state.putUser(user(2, 'bob'));
        await state.putHostKey(hostKey(2, 7));
        await state.putAccess(access(2, 'group'));
        await state.putAccessKey(accessKey('LPAK1'));
        expect(await state.servers()).toEqual([
          { ...server(1), wanted: 'OFFLINE', revision: 2 },
          { ...server(2), revision: 2 },
        ]);
        expect(await state.user(serverId(2), 'bob')).toEqual({ ...user(2, 'bob'), revision: 2 });
        expect(await state.user(serverId(1), 'bob')).toBeNull();
        expect(await state.hostKeys(serverId(2))).toEqual([{ ...hostKey(2, 7), revision: 2 }]);
        expect(await state.hostKeys(serverId(1))).toEqual([]);
        expect(await state.access(serverId(2), 'group')).toEqual({ ...access(2, 'group'), revision: 2 });
        expect(await state.accessKeys()).toEqual([{ ...accessKey('LPAK1'), revision: 2 }]);
        await state.deleteAccessKey('LPAK1');
        await state.deleteHostKey(serverId(2), hostKey(2, 7).hostKeyId);
        await state.deleteAccess(serverId(2), 'group');
        await state.deleteUser(serverId(2), 'bob');
        expect(await state.accessKeys()).toEqual([]);
        expect(await state.hostKeys(serverId(2))).toEqual([]);
        expect(await state.access(serverId(2), 'group')).toBeNull();
        expect(await state.user(serverId(2), 'bob')).toBeNull();
      });
      expect([...store.snapshot.servers.keys()]).toEqual([serverId(1), serverId(2)]);
      expect([store.snapshot.users.size, store.snapshot.hostKeys.size, store.snapshot.accessKeys.size]).toEqual([
        0, 0, 0,
      ]);
    });

    test('a record that is put again as it was read does not keep its old revision', async () => {
      const store = await open(await place.create());
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      await store.change(AUTHOR, async (state) => {
        for (const record of await state.servers()) await state.putServer({ ...record, port: 2022 });
      });
      expect(store.snapshot.servers.get(serverId(1))).toEqual({ ...server(1), port: 2022, revision: 2 });
    });

    test('a server is deleted with its users, host keys and accesses, and can come again without them', async () => {
      const settings = await place.create();
      const [store, other] = [await open(settings), await open(settings)];
      await store.change(AUTHOR, async (state) => {
        for (const number of [1, 2]) {
          await state.putServer(server(number));
          await state.putUser(user(number, 'alice'));
          await state.putHostKey(hostKey(number, number));
          await state.putAccess(access(number, 'group'));
        }
      });
      await whenSnapshot(other, ({ revision }) => revision === 1);
      await store.change(AUTHOR, (state) => state.deleteServer(serverId(1)));
      const expected = [serverId(2)];
      const { servers, users, hostKeys, accesses } = store.snapshot;
      for (const map of [servers, users, hostKeys, accesses]) expect([...map.keys()]).toEqual(expected);
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      expect(store.snapshot.users.get(serverId(1))).toBeUndefined();
      expect(contentOf(await whenSnapshot(other, ({ revision }) => revision === 3))).toEqual(contentOf(store.snapshot));
    });

    test('what a change does not touch is the same object afterwards', async () => {
      const store = await open(await place.create());
      await store.change(AUTHOR, async (state) => {
        for (const number of [1, 2]) {
          await state.putServer(server(number));
          await state.putUser(user(number, 'alice'));
          await state.putUser(user(number, 'bob'));
        }
      });
      const before = store.snapshot;
      const content = contentOf(before);
      let told: unknown[] = [];
      store.onSnapshot((...both) => {
        told = both;
      });
      await store.change(AUTHOR, (state) => state.putUser(user(1, 'bob', 2)));
      const after = store.snapshot;
      expect(told[0]).toBe(after);
      expect(told[1]).toBe(before);
      expect(after.servers).toBe(before.servers);
      expect(after.hostKeys).toBe(before.hostKeys);
      expect(after.users.get(serverId(2))).toBe(before.users.get(serverId(2)));
      expect(after.users.get(serverId(1))?.get('alice')).toBe(before.users.get(serverId(1))?.get('alice'));
      expect(after.users.get(serverId(1))?.get('bob')?.keys).toHaveLength(2);
      expect(contentOf(before)).toEqual(content);
    });

    test('a change that its work refuses changes nothing, and rejects with the same', async () => {
      const store = await open(await place.create());
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      const before = store.snapshot;
      const refusal = new Error('no');
      const refused = store.change(AUTHOR, async (state) => {
        await state.putServer(server(2));
        state.audit({ operation: 'CreateServer', resource: 'none', before: null, after: null });
        throw refusal;
      });
      await expect(refused).rejects.toBe(refusal);
      expect(store.snapshot).toBe(before);
      expect(await store.auditTrail({ limit: 10 })).toEqual([]);
      expect(await store.change(AUTHOR, (state) => Promise.resolve(state.revision))).toBe(2);
    });

    test('a change that changes nothing makes no revision', async () => {
      const store = await open(await place.create());
      let told = 0;
      store.onSnapshot(() => {
        told += 1;
      });
      const answer = await store.change(AUTHOR, async (state) => {
        await state.deleteServer(serverId(9));
        await state.deleteUser(serverId(9), 'nobody');
        await state.deleteAccessKey('LPAK');
        return 'answer';
      });
      expect([answer, store.snapshot.revision, told]).toEqual(['answer', 0, 0]);
    });

    test('a user of a server that is not there is refused, also where the refusal is caught', async () => {
      const store = await open(await place.create());
      const caught = store.change(AUTHOR, async (state) => {
        await state.putServer(server(1));
        await state.putUser(user(2, 'alice')).catch(() => undefined);
      });
      await expect(caught).rejects.toBeInstanceOf(NoSuchServer);
      await expect(store.change(AUTHOR, (state) => state.putUser(user(2, 'alice')))).rejects.toThrow(serverId(2));
      expect(store.snapshot.revision).toBe(0);
    });

    test.each(['', 'a\0b', '\ud800', 'x'.repeat(2_000)])(
      'a name that a database cannot hold is refused: %j',
      async (userName) => {
        const store = await open(await place.create());
        const put = store.change(AUTHOR, async (state) => {
          await state.putServer(server(1));
          await state.putUser({ ...user(1, 'alice'), userName });
        });
        await expect(put).rejects.toBeInstanceOf(RangeError);
        expect(store.snapshot.revision).toBe(0);
      },
    );

    test('a transaction is of no use after its change', async () => {
      const store = await open(await place.create());
      const kept = await store.change(AUTHOR, async (state) => {
        await state.putServer(server(1));
        return { state };
      });
      await expect(kept.state.putServer(server(2))).rejects.toThrow('after its end');
      expect(store.snapshot.servers.size).toBe(1);
    });

    test('calls that a change does not await are part of it', async () => {
      const store = await open(await place.create());
      await store.change(AUTHOR, (state) => {
        void state.putServer(server(1));
        void state.putUser(user(1, 'alice'));
        return Promise.resolve();
      });
      expect(store.snapshot.users.get(serverId(1))?.size).toBe(1);
    });

    test('the trail has who did what in which revision, newest first', async () => {
      const store = await open(await place.create());
      const begun = Date.now();
      for (let number = 1; number <= 4; number += 1) {
        await store.change(AUTHOR, async (state) => {
          await state.putServer(server(number));
          state.audit({
            operation: 'CreateServer',
            resource: `server/${number}`,
            before: undefined,
            after: server(number),
          });
          state.audit({ operation: 'TagResource', resource: `server/${number}`, before: null, after: { tags: [] } });
        });
      }
      const all = await store.auditTrail({ limit: 100 });
      expect(all.map(({ revision, operation }) => `${revision} ${operation}`)).toEqual(
        [4, 3, 2, 1].flatMap((revision) => [`${revision} TagResource`, `${revision} CreateServer`]),
      );
      expect(all[1]).toEqual({
        ...AUTHOR,
        revision: 4,
        at: expect.any(Number),
        operation: 'CreateServer',
        resource: 'server/4',
        before: null,
        after: server(4),
      });
      expect(all[1]?.at).toBeGreaterThanOrEqual(begun);
      // Pages end with whole revisions.
      const first = await store.auditTrail({ limit: 5 });
      expect(first.map(({ revision }) => revision)).toEqual([4, 4, 3, 3]);
      expect((await store.auditTrail({ limit: 5, before: 3 })).map(({ revision }) => revision)).toEqual([2, 2, 1, 1]);
      expect(await store.auditTrail({ limit: 1 })).toHaveLength(1);
      expect(await store.auditTrail({ limit: 5, before: 1 })).toEqual([]);
      await expect(store.auditTrail({ limit: 0 })).rejects.toBeInstanceOf(RangeError);
    });

    test('a listener that throws keeps nobody from the snapshot', async () => {
      const store = await open(await place.create());
      const thrown: (() => void)[] = [];
      const queue = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => {
        thrown.push(task);
      });
      let told = false;
      try {
        store.onSnapshot(() => {
          throw new Error('a mistake');
        });
        store.onSnapshot(() => {
          told = true;
        });
        await store.change(AUTHOR, (state) => state.putServer(server(1)));
      } finally {
        queue.mockRestore();
      }
      expect(told).toBe(true);
      expect(thrown).toHaveLength(1);
      expect(thrown[0]).toThrow('a mistake');
    });

    test('changes at once, of two nodes, lose none', async () => {
      const settings = await place.create();
      const nodes = [await open(settings), await open(settings)];
      await nodes[0]?.change(AUTHOR, (state) => state.putServer(server(1, 1)));
      await Promise.all(
        nodes.flatMap((node) =>
          Array.from({ length: 25 }, () =>
            node.change(AUTHOR, async (state) => {
              const record = await state.server(serverId(1));
              if (record === null) throw new Error('the server is gone');
              await state.putServer({ ...record, port: record.port + 1 });
            }),
          ),
        ),
      );
      for (const node of nodes) {
        const { servers } = await whenSnapshot(node, ({ revision }) => revision === 51);
        expect(servers.get(serverId(1))).toMatchObject({ port: 51, revision: 51 });
      }
    });

    test(`a change is in force on another node within a second, each of ${TIMES} times`, async () => {
      const settings = await place.create();
      const [store, other] = [await open(settings), await open(settings)];
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      const taken: number[] = [];
      for (let number = 1; number <= TIMES; number += 1) {
        const seen = whenSnapshot(other, ({ users }) => users.get(serverId(1))?.get(`user-${number}`) !== undefined);
        await store.change(AUTHOR, (state) => state.putUser(user(1, `user-${number}`)));
        const begun = performance.now();
        await seen;
        taken.push(performance.now() - begun);
      }
      taken.sort((a, b) => a - b);
      // A slow machine may hold up this process for a moment, which says nothing about the state.
      expect(taken[Math.floor(TIMES * 0.94)]).toBeLessThan(IN_FORCE_MS);
      expect(contentOf(other.snapshot)).toEqual(contentOf(store.snapshot));
    });

    test(`who has caught up knows what another node has acknowledged, each of ${TIMES} times`, async () => {
      const settings = await place.create();
      const [store, other] = [await open(settings), await open(settings)];
      for (let number = 1; number <= TIMES; number += 1) {
        await store.change(AUTHOR, (state) => state.putServer(server(number)));
        // Asked twice at once: the second may not be content with what the first was answered.
        await Promise.all([other.caughtUp(), other.caughtUp()]);
        expect(other.snapshot.revision).toBe(number);
      }
    });

    test('goes on with the last snapshot while the state is away, says so, and comes back', async () => {
      const settings = await place.create();
      const [store, other] = [await open(settings), await open(settings)];
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      await whenSnapshot(other, ({ revision }) => revision === 1);
      const told: boolean[] = [];
      store.onReachable((reachable) => told.push(reachable));
      const gone = whenReachable(store, false);
      await place.takeAway(settings);
      expect(await gone).toEqual(expect.any(String));
      expect(store.reachable).toBe(false);
      await store.caughtUp();
      expect(store.snapshot.servers.size).toBe(1);
      await expect(store.change(AUTHOR, (state) => state.putServer(server(2)))).rejects.toBeInstanceOf(
        StateUnavailable,
      );
      await expect(store.auditTrail({ limit: 1 })).rejects.toBeInstanceOf(StateUnavailable);
      await expect(openState(settings, secretBox())).rejects.toBeInstanceOf(StateUnavailable);
      expect(store.snapshot.servers.size).toBe(1);
      await place.giveBack(settings);
      await Promise.all([whenReachable(store, true), whenReachable(other, true)]);
      await store.change(AUTHOR, (state) => state.putServer(server(3)));
      expect([...(await whenSnapshot(other, ({ revision }) => revision === 2)).servers.keys()]).toEqual([
        serverId(1),
        serverId(3),
      ]);
      expect(told).toEqual([false, true]);
    });

    test('a node that has missed deletions of which nothing is known any more reads everything again', async () => {
      const settings = await place.create();
      const store = await open(settings);
      await store.change(AUTHOR, async (state) => {
        for (const number of [1, 2, 3]) await state.putServer(server(number));
      });
      await store.change(AUTHOR, (state) => state.deleteServer(serverId(1)));
      // As if very many changes had been made, of which this node has seen none.
      await place.run(settings, 'update head set revision = 10499 where id = 1');
      await store.change(AUTHOR, (state) => state.deleteServer(serverId(2)));
      expect([...store.snapshot.servers.keys()]).toEqual([serverId(3)]);
      expect(store.snapshot.revision).toBe(10_500);
      // The marks are gone, so what has been deleted is no longer found by its revision.
      await place.run(settings, "delete from records where body is null or kind <> 'server'");
      await place.run(settings, 'update head set revision = 10502, deletions_from = 10501 where id = 1');
      await place.run(settings, `delete from records where key = '${serverId(3)}'`);
      expect((await whenSnapshot(store, ({ revision }) => revision === 10_502)).servers.size).toBe(0);
    });

    test('a state from a backup, with an older revision, is taken as it is', async () => {
      const settings = await place.create();
      const store = await open(settings);
      for (const number of [1, 2]) await store.change(AUTHOR, (state) => state.putServer(server(number)));
      await place.run(settings, 'begin; update head set revision = 1; delete from records where revision > 1; commit');
      const { servers } = await whenSnapshot(store, ({ revision }) => revision === 1);
      expect([...servers.keys()]).toEqual([serverId(1)]);
      await store.change(AUTHOR, (state) => state.putServer(server(5)));
      expect([...store.snapshot.servers.keys()]).toEqual([serverId(1), serverId(5)]);
    });

    test('secrets stand encrypted in the database, and nothing of them elsewhere', async () => {
      const settings = await place.create();
      const store = await open(settings);
      await store.change(AUTHOR, async (state) => {
        await state.putServer(server(1));
        await state.putHostKey(hostKey(1, 1, 'TheVeryPrivateHostKey'));
        await state.putAccessKey(accessKey('LPAK0000000000000001', 'TheVerySecretAccessKey'));
      });
      const bytes = await place.bytes(settings);
      expect(bytes.includes('LPAK0000000000000001')).toBe(true);
      for (const secret of ['TheVeryPrivateHostKey', 'TheVerySecretAccessKey']) {
        expect(bytes.includes(secret)).toBe(false);
        expect(bytes.includes(Buffer.from(secret).toString('base64').slice(0, -4))).toBe(false);
      }
    });

    test('is not opened with another key, and says which one it needs', async () => {
      const settings = await place.create();
      const store = await open(settings, secretBox('k1'));
      await store.change(AUTHOR, (state) => state.putAccessKey(accessKey('LPAK0000000000000001')));
      await expect(openState(settings, secretBox('k2'))).rejects.toThrow(
        'the secret of access-key  LPAK0000000000000001 is encrypted with the key "k1", which is not in the keys of the test',
      );
      await expect(openState(settings, otherSecretBox('k1'))).rejects.toBeInstanceOf(SecretUnreadable);
    });

    test('a sealed secret is of no use in another record', async () => {
      const settings = await place.create();
      const store = await open(settings);
      await store.change(AUTHOR, async (state) => {
        await state.putAccessKey(accessKey('LPAK1', 'one'));
        await state.putAccessKey(accessKey('LPAK2', 'two'));
      });
      await place.run(
        settings,
        "update records set secret = (select secret from records where key = 'LPAK1') where key = 'LPAK2'",
      );
      await expect(openState(settings, secretBox())).rejects.toThrow('LPAK2');
    });

    test('after a rotation the first key alone opens everything', async () => {
      const settings = await place.create();
      const store = await open(settings, secretBox('old'));
      await store.change(AUTHOR, async (state) => {
        await state.putServer(server(1));
        await state.putHostKey(hostKey(1, 1, 'host key'));
        await state.putAccessKey(accessKey('LPAK1', 'access key'));
      });
      const both = await open(settings, secretBox('new', 'old'));
      expect(await rotateSecrets(both)).toBe(2);
      expect((await place.bytes(settings)).includes('lp1:new:')).toBe(true);
      const { snapshot } = await open(settings, secretBox('new'));
      expect([...(snapshot.hostKeys.get(serverId(1))?.values() ?? [])][0]?.privateKey).toBe('host key');
      expect(snapshot.accessKeys.get('LPAK1')?.secretAccessKey).toBe('access key');
      // A node that has only the old key cannot follow, says so, and goes on with what it has.
      await whenReachable(store, false);
      expect(store.snapshot.accessKeys.get('LPAK1')?.secretAccessKey).toBe('access key');
    });

    test('does nothing after it was closed', async () => {
      const store = await open(await place.create());
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      await store.close();
      await expect(store.change(AUTHOR, (state) => state.putServer(server(2)))).rejects.toBeInstanceOf(
        StateUnavailable,
      );
      await expect(store.auditTrail({ limit: 1 })).rejects.toBeInstanceOf(StateUnavailable);
      expect(store.snapshot.servers.size).toBe(1);
    });
  });
}
