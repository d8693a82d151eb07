// What is peculiar to SQLite: the file, and what can happen to it.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openState } from '../../src/state/open-state.ts';
import { StateUnavailable, type StateStore } from '../../src/state/state-store.ts';
import { AUTHOR, contentOf, secretBox, server, serverId } from './sample-records.ts';
import { whenReachable, whenSnapshot } from './when.ts';

let directory = '';
let file = '';
const opened: StateStore[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'latticeport-state-'));
  file = join(directory, 'state', 'latticeport.db');
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  rmSync(directory, { recursive: true });
});

async function open(at = file): Promise<StateStore> {
  const store = await openState({ type: 'sqlite', file: at }, secretBox());
  opened.push(store);
  return store;
}

const put = (store: StateStore, number: number): Promise<void> =>
  store.change(AUTHOR, (state) => state.putServer(server(number)));

test('is made for its owner only, with all that stands beside it', async () => {
  await put(await open(), 1);
  const names = readdirSync(join(directory, 'state'));
  expect(names.sort()).toEqual(['latticeport.db', 'latticeport.db-shm', 'latticeport.db-wal']);
  for (const name of names) expect(statSync(join(directory, 'state', name)).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, 'state')).mode & 0o777).toBe(0o700);
});

test('writes ahead, syncs each commit, and is whole', async () => {
  await put(await open(), 1);
  await opened.splice(0)[0]?.close();
  const database = new DatabaseSync(file);
  try {
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  } finally {
    database.close();
  }
});

test('a change waits until another writer has ended', async () => {
  const store = await open();
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  const changed = put(store, 1);
  // In a later turn: the first attempt at the change finds the file locked.
  setImmediate(() => {
    setImmediate(() => {
      other.exec('COMMIT');
      other.close();
    });
  });
  await changed;
  expect(store.snapshot.servers.size).toBe(1);
});

test('what was written into a file that is gone is not acknowledged', async () => {
  const store = await open();
  await put(store, 1);
  renameSync(file, `${file}.gone`);
  await expect(put(store, 2)).rejects.toThrow(`${file} is not there`);
  expect(existsSync(file)).toBe(false);
});

test('a file that is not there is not made anew beside its journal', async () => {
  const store = await open();
  await put(store, 1);
  const gone = whenReachable(store, false);
  renameSync(file, `${file}.gone`);
  await gone;
  writeFileSync(`${file}-wal`, 'the journal of the file that is gone');
  await expect(open()).rejects.toThrow('put the file back, or remove both');
});

test('another file in its place is the state from then on', async () => {
  const store = await open();
  await put(store, 1);
  const replacement = join(directory, 'replacement', 'latticeport.db');
  const other = await open(replacement);
  for (const number of [7, 8, 9]) await put(other, number);
  await other.close();
  rmSync(`${file}-wal`, { force: true });
  rmSync(`${file}-shm`, { force: true });
  renameSync(replacement, file);
  const { servers } = await whenSnapshot(store, ({ revision }) => revision === 3);
  expect([...servers.keys()]).toEqual([7, 8, 9].map(serverId));
  await put(store, 10);
  expect(contentOf((await open()).snapshot)).toEqual(contentOf(store.snapshot));
});

test.each([
  [
    'no database',
    () => {
      mkdirSync(join(directory, 'state'));
      writeFileSync(file, 'this is a text and no database'.repeat(100));
    },
  ],
  [
    'a directory',
    () => {
      mkdirSync(file, { recursive: true });
    },
  ],
  [
    'below a file',
    () => {
      writeFileSync(join(directory, 'state'), '');
    },
  ],
])('a file that cannot be used is named: %s', async (_, prepare) => {
  prepare();
  const refused = open();
  await expect(refused).rejects.toBeInstanceOf(StateUnavailable);
  await expect(refused).rejects.toThrow(file);
});
