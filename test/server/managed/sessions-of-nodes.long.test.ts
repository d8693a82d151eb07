// Sessions that are open now, on two nodes with one state: each lists those of both, and ends them.
import { renameSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import type { SessionOnNode } from '../../../src/state/open-sessions.ts';
import { StateUnavailable } from '../../../src/state/state-store.ts';
import { until } from '../../transport/transport-pair.ts';
import { ManagedSite, unusedPort } from './managed-site.ts';

const SERVER = 's-0123456789abcdef0';
const KEY = generatePrivateKey('ed25519', undefined, 'one');
const AUTHOR = { accessKeyId: 'LPAKTEST', remoteAddress: '192.0.2.7' };

let one: ManagedSite;
let two: ManagedSite;
let port: number;

beforeEach(async () => {
  one = await new ManagedSite().start();
  port = await unusedPort();
  await one.createServer(SERVER, port);
  await one.putUser(SERVER, 'alice', [KEY]);
  await one.putUser(SERVER, 'bob', [KEY]);
  two = await new ManagedSite({}, one).start();
  expect([one.servers.stateOf(SERVER), two.servers.stateOf(SERVER)]).toEqual(['ONLINE', 'ONLINE']);
});
afterEach(async () => {
  await two.end();
  await one.end();
});

const listed = ({ state }: ManagedSite): Promise<readonly SessionOnNode[]> =>
  state.sessions.list({ servers: null, userName: null, after: null, limit: 100 });

/** What a node lists, once it fits. */
async function whenListed(
  site: ManagedSite,
  fits: (sessions: readonly SessionOnNode[]) => boolean,
): Promise<readonly SessionOnNode[]> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const sessions = await listed(site);
    if (fits(sessions)) return sessions;
    if (Date.now() > deadline) throw new Error(`the list stays ${JSON.stringify(sessions)}`);
    await delay(20);
  }
}

async function askEnd(site: ManagedSite, sessionId: string): Promise<void> {
  await site.state.change(AUTHOR, async (state) => {
    const session = await state.openSession(sessionId);
    if (session === null) throw new Error('there is no such session');
    await state.endSession(session);
  });
}

test('each lists the sessions of both: who, from where, how, and what they do', async () => {
  const alice = await one.login(port, 'alice', KEY);
  await two.login(port, 'bob', KEY);
  await alice.put('a.txt', 'x'.repeat(50_000));
  await alice.hold('b.txt');
  await Promise.all([one.servers.reportSessions(), two.servers.reportSessions()]);
  for (const site of [one, two]) {
    const sessions = await listed(site);
    expect(sessions).toEqual([
      {
        sessionId: expect.stringMatching(/^[0-9a-f]{16}$/),
        serverId: SERVER,
        userName: 'alice',
        remoteAddress: '127.0.0.1',
        clientVersion: expect.stringContaining('ssh2js'),
        method: 'publickey',
        kex: expect.any(String),
        postQuantum: expect.any(Boolean),
        connectedAt: expect.any(Number),
        openFiles: 1,
        bytesIn: expect.any(Number),
        bytesOut: expect.any(Number),
        node: expect.any(String),
        nodeName: expect.any(String),
      },
      expect.objectContaining({ userName: 'bob', openFiles: 0 }),
    ]);
    expect(sessions[0]?.bytesIn).toBeGreaterThan(50_000);
    expect(sessions[0]?.node).not.toBe(sessions[1]?.node);
  }
});

test('without being asked they report, and a session that is over is in the list no more', async () => {
  const alice = await one.login(port, 'alice', KEY);
  const [session] = await whenListed(two, ({ length }) => length === 1);
  expect(session?.userName).toBe('alice');
  alice.end();
  await whenListed(two, ({ length }) => length === 0);
});

test('a session that has not logged in is in no list', async () => {
  await one.login(port, 'alice', KEY);
  await expect(one.login(port, 'nobody', KEY)).rejects.toThrow(/authentication methods failed/);
  await one.servers.reportSessions();
  expect((await listed(two)).map(({ userName }) => userName)).toEqual(['alice']);
});

test('a node ends the session of the other, and no other one', async () => {
  const [alice, second, bob] = [
    await one.login(port, 'alice', KEY),
    await one.login(port, 'alice', KEY),
    await two.login(port, 'bob', KEY),
  ];
  await Promise.all([one.servers.reportSessions(), two.servers.reportSessions()]);
  const [first] = await listed(two);
  await askEnd(two, first?.sessionId ?? '');
  await until(() => alice.ended, 'the session ends');
  const left = await whenListed(two, ({ length }) => length === 2);
  expect(left.map(({ userName }) => userName)).toEqual(['alice', 'bob']);
  expect([second.ended, bob.ended]).toEqual([false, false]);
  const lines = one.log.filter(({ event }) => event === 'managed.session-ended');
  expect(lines).toMatchObject([{ session: first?.sessionId }]);
  // Its own it ends in the same way.
  await askEnd(two, left[1]?.sessionId ?? '');
  await until(() => bob.ended, 'the session ends');
});

test('a server that stops lists its sessions until their end; a node that stops lists none', async () => {
  const alice = await one.login(port, 'alice', KEY);
  await alice.hold('a.txt');
  await one.changeServer(SERVER, { wanted: 'OFFLINE' });
  await one.servers.reportSessions();
  expect((await listed(two)).map(({ openFiles }) => openFiles)).toEqual([1]);
  await one.servers.stop();
  expect(await listed(two)).toEqual([]);
  await one.servers.reportSessions();
  expect(await listed(two)).toEqual([]);
});

test('a state that is away hinders neither logins nor transfers, and is told once it is back', async () => {
  const { state } = one.loaded.config.management ?? {};
  if (state?.type !== 'sqlite') throw new Error('no SQLite');
  renameSync(state.file, `${state.file}.away`);
  await until(() => !one.state.reachable && !two.state.reachable, 'the state is away', 30_000);
  const alice = await one.login(port, 'alice', KEY);
  await one.servers.reportSessions();
  await alice.put('a.txt', 'x');
  await expect(listed(one)).rejects.toBeInstanceOf(StateUnavailable);
  renameSync(`${state.file}.away`, state.file);
  await until(() => one.state.reachable && two.state.reachable, 'the state is back', 30_000);
  await whenListed(two, ({ length }) => length === 1);
});
