import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigWatcher } from '../../src/config/config-watcher.ts';

let folder = '';
let changes = 0;
let watcher: ConfigWatcher;
const at = (name: string): string => path.join(folder, name);
const config = (more: object = {}): string =>
  JSON.stringify({ hostKeys: ['key'], storage: { type: 'memory' }, users: [], ...more });
const file = (): string => at('latticeport.json');

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'latticeport-watcher-'));
  changes = 0;
  writeFileSync(at('key'), 'a key');
  writeFileSync(file(), config());
});
afterEach(() => {
  watcher.enabled = false;
  rmSync(folder, { recursive: true });
});

function watch(): void {
  watcher = new ConfigWatcher(file(), () => (changes += 1));
}

describe('a change is reported once, when it has been seen twice as it is now', () => {
  test.each<[string, () => void]>([
    [
      'the configuration written over',
      () => {
        writeFileSync(file(), config({ auth: { banner: 'x' } }));
      },
    ],
    [
      'a host key written over',
      () => {
        writeFileSync(at('key'), 'another');
      },
    ],
    [
      'a host key that is gone',
      () => {
        rmSync(at('key'));
      },
    ],
    [
      'another configuration under its name',
      () => {
        writeFileSync(at('new'), config());
        renameSync(at('new'), file());
      },
    ],
  ])('%s', (_what, change) => {
    watch();
    for (let i = 0; i < 3; i += 1) watcher.look();
    expect(changes).toBe(0);
    change();
    watcher.look();
    expect(changes).toBe(0);
    for (let i = 0; i < 3; i += 1) watcher.look();
    expect(changes).toBe(1);
  });

  test('not while it is still being written', () => {
    watch();
    for (let size = 1; size < 10; size += 1) {
      writeFileSync(file(), config().slice(0, size));
      watcher.look();
    }
    expect(changes).toBe(0);
  });

  test.each([
    ['a password hash', { users: [{ name: 'x', passwordHashFile: 'hash' }] }],
    ['a certificate of a host key', { hostCertificates: ['hash'] }],
    ['the passphrase of the host keys', { hostKeyPassphraseFile: 'hash' }],
  ])('a file that the changed configuration names, even one that is not there yet: %s', (_, change) => {
    watch();
    writeFileSync(file(), config(change));
    watcher.look();
    watcher.look();
    expect(changes).toBe(1);
    writeFileSync(at('hash'), 'x');
    watcher.look();
    watcher.look();
    expect(changes).toBe(2);
  });

  test('what is read for another reason in the meantime is in force', () => {
    watch();
    writeFileSync(file(), config({ auth: { banner: 'x' } }));
    watcher.look();
    watcher.taken();
    for (let i = 0; i < 3; i += 1) watcher.look();
    expect(changes).toBe(0);
  });

  test('a broken configuration is a change too, and its repair another', () => {
    watch();
    writeFileSync(file(), '{');
    watcher.look();
    watcher.look();
    writeFileSync(file(), config());
    watcher.look();
    watcher.look();
    expect(changes).toBe(2);
  });
});

test('a ConfigMap volume: the link to the folder of the day is turned to another, the name stays', () => {
  const volume = (day: string, content: string): void => {
    mkdirSync(at(day));
    writeFileSync(path.join(at(day), 'latticeport.json'), content);
    symlinkSync(day, at('..data_tmp'));
    renameSync(at('..data_tmp'), at('..data'));
  };
  rmSync(file());
  volume('..day1', config());
  symlinkSync('..data/latticeport.json', file());
  watch();
  watcher.look();
  watcher.look();
  expect(changes).toBe(0);
  // Of the same size, and the old folder goes, as kubelet does it.
  volume('..day2', config());
  rmSync(at('..day1'), { recursive: true });
  watcher.look();
  watcher.look();
  expect(changes).toBe(1);
});
