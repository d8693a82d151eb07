// What every state promises of the sessions that are open now (src/state/open-sessions.ts), whatever database it is on.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { openState, type StateSettings } from '../../src/state/open-state.ts';
import type { OpenSession, SessionQuery } from '../../src/state/open-sessions.ts';
import { StateUnavailable, type StateStore } from '../../src/state/state-store.ts';
import type { StatePlace } from './contract.ts';
import { AUTHOR, contentOf, secretBox, server, serverId, user } from './sample-records.ts';
import { whenReachable, whenSnapshot } from './when.ts';

const ALL: SessionQuery = { servers: null, userName: null, after: null, limit: 1000 };

const idOf = (number: number): string => number.toString(16).padStart(16, '0');

function session(number: number, more: Partial<OpenSession> = {}): OpenSession {
  return {
    sessionId: idOf(number),
    serverId: serverId(1),
    userName: 'alice',
    remoteAddress: '192.0.2.7',
    clientVersion: `SSH-2.0-"Ünï"\u0000 ${number}`,
    method: 'publickey',
    kex: 'mlkem768x25519-sha256',
    postQuantum: true,
    connectedAt: 1_790_000_000_000 + number,
    openFiles: 1,
    bytesIn: 2 ** 40,
    bytesOut: 0,
    ...more,
  };
}

export function describeSessionsContract(name: string, place: StatePlace, missing: string | null): void {
  (missing === null ? describe : describe.skip)(`open sessions on ${missing ?? name}`, () => {
    const opened: StateStore[] = [];
    const open = async (settings: StateSettings): Promise<StateStore> => {
      const store = await openState(settings, secretBox());
      opened.push(store);
      return store;
    };
    const listed = async (store: StateStore, query: Partial<SessionQuery> = {}): Promise<string[]> =>
      (await store.sessions.list({ ...ALL, ...query })).map(({ sessionId }) => sessionId);
    /** As if the node had been silent for longer than it may. */
    const silence = (settings: StateSettings, node: string): Promise<void> =>
      place.run(settings, `update nodes set seen_at = seen_at - 15001 where name = '${node}'`);
    beforeAll(() => place.begin());
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });
    afterAll(() => place.end());

    test('what nodes report is what all of them list, with the node, in the order of the connections', async () => {
      const settings = await place.create();
      const [store, other] = [await open(settings), await open(settings)];
      expect(await listed(store)).toEqual([]);
      const [one, two] = [store.sessions.asNode('one'), other.sessions.asNode('two')];
      await one.report([session(3), session(1)]);
      await two.report([session(2, { kex: null, postQuantum: null, clientVersion: null })]);
      const sessions = await other.sessions.list(ALL);
      expect(sessions).toEqual(await store.sessions.list(ALL));
      expect(sessions).toEqual([
        { ...session(1), nodeName: 'one', node: expect.any(String) },
        {
          ...session(2, { kex: null, postQuantum: null, clientVersion: null }),
          nodeName: 'two',
          node: expect.any(String),
        },
        { ...session(3), nodeName: 'one', node: sessions[0]?.node },
      ]);
      expect(sessions[1]?.node).not.toBe(sessions[0]?.node);
    });

    test('a report replaces the one before: what has gone, what has come, what has changed', async () => {
      const settings = await place.create();
      const store = await open(settings);
      const [node, other] = [store.sessions.asNode('one'), store.sessions.asNode('two')];
      await other.report([session(500)]);
      const many = Array.from({ length: 203 }, (_, index) => session(index));
      await node.report(many);
      expect(await listed(store)).toEqual([...many.map(({ sessionId }) => sessionId), idOf(500)]);
      const changed = many.slice(100).map((each, index) => (index % 2 === 0 ? each : { ...each, bytesOut: index }));
      const after = [...changed, session(300)];
      await node.report(after);
      const sessions = await store.sessions.list(ALL);
      expect(sessions.map(({ node: _, nodeName: __, ...each }) => each)).toEqual([...after, session(500)]);
      await node.report([]);
      expect(await listed(store)).toEqual([idOf(500)]);
      await other.leave();
      expect(await listed(store)).toEqual([]);
    });

    test('of very many that change a report writes some, and the next one the others', async () => {
      const store = await open(await place.create());
      const node = store.sessions.asNode('one');
      const many = (bytesIn: number): OpenSession[] =>
        Array.from({ length: 1100 }, (_, index) => session(index, { bytesIn }));
      const bytes = async (): Promise<Set<number>> =>
        new Set((await store.sessions.list({ ...ALL, limit: 2000 })).map(({ bytesIn }) => bytesIn));
      await node.report(many(1));
      await node.report(many(2));
      expect(await bytes()).toEqual(new Set([1, 2]));
      await node.report(many(2));
      expect(await bytes()).toEqual(new Set([2]));
    });

    test('servers, user and place in the list choose, and a limit ends it', async () => {
      const settings = await place.create();
      const store = await open(settings);
      await store.sessions.asNode('one').report([
        session(1),
        session(2, { serverId: serverId(2) }),
        // The same moment: then the id counts.
        session(9, { userName: `o'b"r\\ien%_`, connectedAt: 1_790_000_000_003 }),
        session(3),
      ]);
      expect(await listed(store)).toEqual([1, 2, 3, 9].map(idOf));
      expect(await listed(store, { servers: [serverId(1)] })).toEqual([1, 3, 9].map(idOf));
      expect(await listed(store, { servers: [serverId(2), serverId(1)], userName: 'alice' })).toEqual(
        [1, 2, 3].map(idOf),
      );
      expect(await listed(store, { servers: [] })).toEqual([]);
      expect(await listed(store, { userName: `o'b"r\\ien%_` })).toEqual([idOf(9)]);
      expect(await listed(store, { userName: 'ALICE' })).toEqual([]);
      expect(await listed(store, { limit: 2 })).toEqual([1, 2].map(idOf));
      expect(await listed(store, { after: session(3), limit: 2 })).toEqual([idOf(9)]);
      expect(await listed(store, { after: session(2) })).toEqual([3, 9].map(idOf));
    });

    test('neither snapshot nor revision changes with it', async () => {
      const settings = await place.create();
      const [store, other] = [await open(settings), await open(settings)];
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      await whenSnapshot(other, ({ revision }) => revision === 1);
      const before = [store.snapshot, other.snapshot];
      const node = store.sessions.asNode('one');
      for (let bytesIn = 0; bytesIn < 20; bytesIn += 1) await node.report([session(1, { bytesIn })]);
      await store.change(AUTHOR, () => Promise.resolve());
      expect([store.snapshot, other.snapshot]).toEqual(before);
      expect(store.snapshot).toBe(before[0]);
      // The next change is seen there after all that was reported before it.
      await store.change(AUTHOR, (state) => state.putUser(user(1, 'alice')));
      expect((await whenSnapshot(other, ({ revision }) => revision > 1)).revision).toBe(2);
      expect(await store.auditTrail({ limit: 1 })).toEqual([]);
    });

    test('the sessions of a node that is silent are none, and the living remove what it left', async () => {
      const settings = await place.create();
      const store = await open(settings);
      const [dead, living] = [store.sessions.asNode('dead'), store.sessions.asNode('living')];
      await dead.report([session(1), session(2)]);
      await living.report([session(3)]);
      const deadNode = (await store.sessions.list(ALL))[0]?.node ?? '';
      await silence(settings, 'dead');
      expect(await listed(store)).toEqual([idOf(3)]);
      await store.change(AUTHOR, async (state) => {
        expect(await state.openSession(idOf(1))).toBeNull();
        expect(await state.openSession(idOf(3))).toMatchObject({ nodeName: 'living' });
      });
      await living.report([session(3)]);
      // If anything of it were left, it would be there again with its node.
      await place.run(settings, `insert into nodes values ('${deadNode}', 'dead', ${2 ** 52})`);
      expect(await listed(store)).toEqual([idOf(3)]);
    });

    test('a node that others took for dead is there again with all it has, whatever has changed', async () => {
      const settings = await place.create();
      const store = await open(settings);
      const [paused, living] = [store.sessions.asNode('paused'), store.sessions.asNode('living')];
      await paused.report([session(1), session(2)]);
      await silence(settings, 'paused');
      await living.report([session(3)]);
      await paused.report([session(1), session(4)]);
      expect(await listed(store)).toEqual([1, 3, 4].map(idOf));
    });

    test('an end is asked with a change, told to the node that has the session, and to it once', async () => {
      const settings = await place.create();
      const [store, other] = [await open(settings), await open(settings)];
      const [one, two] = [store.sessions.asNode('one'), other.sessions.asNode('two')];
      await one.report([session(1)]);
      await two.report([session(2)]);
      const told = whenSnapshot(other, ({ revision }) => revision === 1);
      await store.change(AUTHOR, async (state) => {
        const found = await state.openSession(idOf(2));
        if (found === null) throw new Error('there is no such session');
        await state.endSession(found);
        await state.endSession(found);
        state.audit({ operation: 'EndSession', resource: 'x', before: null, after: null });
      });
      await told;
      expect(await one.takeEnds()).toEqual([]);
      expect(await two.takeEnds()).toEqual([idOf(2)]);
      expect(await two.takeEnds()).toEqual([]);
      expect(await store.auditTrail({ limit: 5 })).toMatchObject([{ operation: 'EndSession', ...AUTHOR }]);
    });

    test('an end of a change that was refused is none', async () => {
      const store = await open(await place.create());
      const node = store.sessions.asNode('one');
      await node.report([session(1)]);
      const refused = store.change(AUTHOR, async (state) => {
        const found = await state.openSession(idOf(1));
        if (found !== null) await state.endSession(found);
        throw new Error('not allowed');
      });
      await expect(refused).rejects.toThrow('not allowed');
      expect(await node.takeEnds()).toEqual([]);
    });

    test('reports and changes of several nodes at once hinder each other not', async () => {
      const settings = await place.create();
      const stores = [await open(settings), await open(settings)];
      await Promise.all(
        stores.flatMap((store, index) => [
          (async () => {
            const node = store.sessions.asNode(`node-${index}`);
            for (let bytesIn = 0; bytesIn <= 20; bytesIn += 1) await node.report([session(index, { bytesIn })]);
          })(),
          (async () => {
            for (let number = 1; number <= 20; number += 1) {
              await store.change(AUTHOR, (state) => state.putServer(server(20 * index + number)));
            }
          })(),
        ]),
      );
      const [store] = stores;
      if (store === undefined) throw new Error('no store');
      const sessions = await store.sessions.list(ALL);
      expect(sessions.map(({ bytesIn }) => bytesIn)).toEqual([20, 20]);
      expect((await whenSnapshot(store, ({ revision }) => revision === 40)).servers.size).toBe(40);
    });

    test('a state that is away: reports and lists are refused, and go on where they were', async () => {
      const settings = await place.create();
      const store = await open(settings);
      await store.change(AUTHOR, (state) => state.putServer(server(1)));
      const content = contentOf(store.snapshot);
      const node = store.sessions.asNode('one');
      await node.report([session(1)]);
      await place.takeAway(settings);
      await whenReachable(store, false);
      await expect(node.report([session(1), session(2)])).rejects.toBeInstanceOf(StateUnavailable);
      await expect(store.sessions.list(ALL)).rejects.toBeInstanceOf(StateUnavailable);
      await expect(node.takeEnds()).rejects.toBeInstanceOf(StateUnavailable);
      await place.giveBack(settings);
      await whenReachable(store, true);
      await node.report([session(2)]);
      expect(await listed(store)).toEqual([idOf(2)]);
      expect(contentOf(store.snapshot)).toEqual(content);
    });
  });
}
