// 10,000 users with 50,000 keys.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { openState } from '../../src/state/open-state.ts';
import { mustRun } from '../peers/process.ts';
import { AUTHOR, secretBox, server, user } from './sample-records.ts';

const USERS = 10_000;
const KEYS_OF_EACH = 5;
const OPENER = resolve(import.meta.dirname, 'opener-process.ts');

test('a state with 10,000 users and 50,000 keys opens soon, and its snapshot takes little memory', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'latticeport-state-'));
  try {
    const settings = { type: 'sqlite', file: join(directory, 'latticeport.db') } as const;
    const store = await openState(settings, secretBox());
    for (let begun = 0; begun < USERS; begun += 500) {
      await store.change(AUTHOR, async (state) => {
        await state.putServer(server(1));
        for (let number = begun; number < begun + 500; number += 1) {
          await state.putUser(user(1, `user-${number}`, KEYS_OF_EACH));
        }
      });
    }
    // A change of one user among so many, until it is in the snapshot.
    const begun = performance.now();
    await store.change(AUTHOR, (state) => state.putUser(user(1, 'user-77', 1)));
    const changed = performance.now() - begun;
    await store.close();

    const { stdout } = await mustRun([
      process.execPath,
      '--no-warnings',
      '--expose-gc',
      OPENER,
      JSON.stringify(settings),
    ]);
    const opened = JSON.parse(stdout) as { users: number; keys: number; milliseconds: number; bytes: number };
    process.stdout.write(`${stdout.trim()}, one change ${changed.toFixed(1)} ms\n`);
    expect([opened.users, opened.keys]).toEqual([USERS, USERS * KEYS_OF_EACH - 4]);
    // It takes a few hundred milliseconds: this finds what grows with the square.
    expect(opened.milliseconds).toBeLessThan(20_000);
    expect(opened.bytes).toBeLessThan(100 * 1024 * 1024);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
