// Several processes on one state, and processes that are killed in the middle of it.
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openState, type StateSettings } from '../../src/state/open-state.ts';
import { StateUnavailable } from '../../src/state/state-store.ts';
import { missingPeer } from '../peers/peers.ts';
import { ServerProcess } from '../peers/process.ts';
import type { StatePlace } from './contract.ts';
import { postgresPlace } from './postgresql-place.ts';
import { AUTHOR, secretBox, server, serverId, user } from './sample-records.ts';
import { sqlitePlace } from './sqlite-place.ts';

const CHANGER = resolve(import.meta.dirname, 'changer-process.ts');
const TIMEOUT_MS = 90_000;

function changer(settings: StateSettings, name: string, count: number): ServerProcess {
  return new ServerProcess([process.execPath, '--no-warnings', CHANGER, JSON.stringify(settings), name, String(count)]);
}

const acknowledged = ({ lines }: ServerProcess): string[] =>
  lines.filter((line) => line.startsWith('acknowledged ')).map((line) => line.slice('acknowledged '.length));

describe.each<[string, StatePlace, string | null]>([
  ['sqlite', sqlitePlace(), null],
  ['postgresql', postgresPlace(), missingPeer('postgresql')],
])('processes on %s', (_, place, missing) => {
  const given = missing === null ? test : test.skip;
  const named = (name: string): string => (missing === null ? name : `${name} (${missing})`);
  beforeAll(() => (missing === null ? place.begin() : undefined));
  afterAll(() => (missing === null ? place.end() : undefined));

  given(
    named('kill -9 in the middle of many changes leaves the state whole, with all that was acknowledged'),
    async () => {
      const settings = await place.create();
      const known: string[] = [];
      for (let round = 1; round <= 5; round += 1) {
        const process = changer(settings, `round-${round}`, 100_000);
        const wanted = `acknowledged round-${round}-${20 * round}`;
        await process.line((line) => line === wanted, { timeoutMs: TIMEOUT_MS });
        await process.stop('SIGKILL');
        known.push(...acknowledged(process));

        const store = await openState(settings, secretBox());
        const { users, servers, revision } = store.snapshot;
        const there = [...(users.get(serverId(1))?.values() ?? [])];
        // What was not acknowledged may be there as well, and it is there whole.
        expect(there.length).toBe(revision);
        expect(servers.get(serverId(1))?.port).toBe(revision);
        expect(there.map(({ userName }) => userName)).toEqual(expect.arrayContaining(known));
        for (const record of there) {
          expect(record).toEqual({ ...user(1, record.userName, 2), revision: expect.any(Number) });
        }
        const trail = await store.auditTrail({ limit: revision + 1 });
        expect(trail.map((entry) => entry.revision)).toEqual(
          Array.from({ length: revision }, (_, index) => revision - index),
        );
        await store.close();
        known.splice(0, known.length, ...there.map(({ userName }) => userName));
      }
    },
  );

  given(named('two processes that write at once lose nothing'), async () => {
    const settings = await place.create();
    const processes = ['a', 'b'].map((name) => changer(settings, name, 200));
    await Promise.all(processes.map((process) => process.line((line) => line === 'done', { timeoutMs: TIMEOUT_MS })));
    for (const process of processes) await process.stop();
    const store = await openState(settings, secretBox());
    const { users, servers, revision } = store.snapshot;
    await store.close();
    expect(revision).toBe(400);
    expect(servers.get(serverId(1))?.port).toBe(400);
    expect([...(users.get(serverId(1))?.keys() ?? [])].sort()).toEqual(processes.flatMap(acknowledged).sort());
  });

  given(named('a change whose work never ends is given up, and holds up nobody after that'), async () => {
    const settings = await place.create();
    const [store, other] = [await openState(settings, secretBox()), await openState(settings, secretBox())];
    try {
      const endless = store.change(AUTHOR, async (state) => {
        await state.putServer(server(1));
        await new Promise(() => undefined);
      });
      await expect(endless).rejects.toBeInstanceOf(StateUnavailable);
      for (const node of [other, store]) {
        await node.change(AUTHOR, async (state) => {
          expect(await state.server(serverId(1))).toBeNull();
          await state.putServer(server(node === store ? 2 : 3));
        });
      }
      expect([...store.snapshot.servers.keys()].sort()).toEqual([2, 3].map(serverId));
    } finally {
      await Promise.all([store.close(), other.close()]);
    }
  });
});
