// SQLite files of the tests, each in a directory of its own.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StateSettings } from '../../src/state/open-state.ts';
import type { StatePlace } from './contract.ts';

export function sqlitePlace(): StatePlace {
  let root = '';
  let count = 0;
  return {
    begin: () => {
      root = mkdtempSync(join(tmpdir(), 'latticeport-state-'));
      return Promise.resolve();
    },
    end: () => {
      rmSync(root, { recursive: true });
      return Promise.resolve();
    },
    create: () => {
      count += 1;
      const directory = join(root, `state-${count}`);
      mkdirSync(directory);
      return Promise.resolve({ type: 'sqlite', file: join(directory, 'latticeport.db') });
    },
    takeAway: (settings) => {
      renameSync(fileOf(settings), `${fileOf(settings)}.away`);
      return Promise.resolve();
    },
    giveBack: (settings) => {
      renameSync(`${fileOf(settings)}.away`, fileOf(settings));
      return Promise.resolve();
    },
    bytes: (settings) => {
      const directory = dirname(fileOf(settings));
      return Promise.resolve(Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name)))));
    },
    run: (settings, sql) => {
      const database = new DatabaseSync(fileOf(settings));
      database.exec(`PRAGMA busy_timeout = 10000; ${sql}`);
      database.close();
      return Promise.resolve();
    },
  };
}

export function fileOf(settings: StateSettings): string {
  if (settings.type !== 'sqlite') throw new Error('no SQLite');
  return settings.file;
}
