import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { homeAreas, startDirectory } from '../../src/config/home-directories.ts';
import { describeVisibility } from '../../src/config/home-visibility.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import { viewOf } from '../../src/server/user-views.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import { storePath } from '../storage/store-path.ts';

const folder = mkdtempSync(join(tmpdir(), 'latticeport-homes-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const text = (changes: object): string =>
  JSON.stringify({ hostKeys: ['k'], storage: { type: 'local', root: 'data' }, ...changes });

const usersOf = (...users: object[]): Config['users'] => parseConfig(text({ users }), 'x.json').config.users;

function problemsOf(changes: object): string[] {
  try {
    parseConfig(text(changes), 'x.json');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ jsonPath, problem }) => `${jsonPath}: ${problem}`);
    throw error;
  }
  return [];
}

describe('a home', () => {
  test('is by default a directory of the user’s own; of mappings the root', () => {
    const [own, all, logical] = usersOf(
      { name: 'acme' },
      { name: 'admin', home: '/' },
      { name: 'log', homeDirectoryType: 'LOGICAL', homeDirectoryMappings: [{ entry: '/in', target: '/a' }] },
    );
    if (own === undefined || all === undefined || logical === undefined) throw new Error('no users');
    expect(homeAreas(own)).toMatchObject([{ entry: '/', path: '/acme' }]);
    expect(homeAreas(all)).toMatchObject([{ entry: '/', path: '/' }]);
    expect(startDirectory(logical)).toBe('/');
  });

  test('two users without one do not see each other', async () => {
    const store = new MemoryStore();
    const [alice, bob] = usersOf({ name: 'alice' }, { name: 'bob' }).map((user) => viewOf(user, store));
    if (alice === undefined || bob === undefined) throw new Error('no users');
    await Promise.all([alice.prepare(), bob.prepare()]);
    await alice.mkdir(alice.resolve('/mine'), {});
    await expect(bob.stat(bob.resolve('/mine'), { followSymlinks: true })).rejects.toMatchObject({ code: 'not-found' });
    expect((await store.stat(storePath('alice/mine'), { followSymlinks: true })).kind).toBe('directory');
  });

  test('and entries may have a slash too many', () => {
    const [user] = usersOf({
      name: 'log',
      homeDirectoryType: 'LOGICAL',
      home: '//in//',
      homeDirectoryMappings: [{ entry: '/in/', target: '//${transfer:UserName}/x/' }],
    });
    if (user === undefined) throw new Error('no user');
    expect(homeAreas(user)).toMatchObject([{ entry: '/in', path: '/log/x' }]);
    expect(viewOf(user, new MemoryStore()).home).toBe('/in');
  });

  const logical = (...homeDirectoryMappings: object[]): object => ({
    homeDirectoryType: 'LOGICAL',
    homeDirectoryMappings,
  });

  test.each<[string, object, string]>([
    [
      'a misspelled variable',
      { home: '/${transfer:Username}' },
      'home: unknown variable "${transfer:Username}"; nearest known: ${transfer:UserName}',
    ],
    ['a variable without an end', { home: '/a/${transfer:UserName' }, 'home: unknown variable "${transfer:UserName"'],
    [
      'one in a target',
      logical({ entry: '/a', target: '/${user}' }),
      'homeDirectoryMappings[0].target: unknown variable "${user}"; nearest known: ${transfer:UserName}',
    ],
    [
      'one in an entry',
      logical({ entry: '/${transfer:UserName}', target: '/a' }),
      'homeDirectoryMappings[0].entry: "${transfer:UserName}": an entry has no variables',
    ],
    ['`..` in a home', { home: '/a/../b' }, 'home: "/a/../b" holds "." or ".."'],
    ['`.` in a home', { home: '/./a' }, 'home: "/./a" holds "." or ".."'],
    ['`..` in a target', logical({ entry: '/a', target: '/..' }), 'homeDirectoryMappings[0].target: "/.." holds'],
    ['`..` in an entry', logical({ entry: '/a/..', target: '/b' }), 'homeDirectoryMappings[0].entry: "/a/.." holds'],
    ['a NUL', { home: '/a\0b' }, 'home: "/a\\u0000b" cannot be used'],
    ['a path that is too long', { home: `/${'x/'.repeat(3000)}` }, 'home: '],
    [
      'mappings without LOGICAL',
      { homeDirectoryMappings: [{ entry: '/a', target: '/b' }] },
      'homeDirectoryMappings: mappings need "homeDirectoryType": "LOGICAL"',
    ],
    [
      'LOGICAL without mappings',
      { homeDirectoryType: 'LOGICAL' },
      'homeDirectoryMappings: "homeDirectoryType": "LOGICAL"',
    ],
    [
      'two mappings at one entry',
      logical({ entry: '/a', target: '/b' }, { entry: '/c', target: '/d' }, { entry: '/a/', target: '/e' }),
      'homeDirectoryMappings[2].entry: "/a/" is mapped already, by homeDirectoryMappings[0]',
    ],
    [
      'a start in no mapping',
      { ...logical({ entry: '/a', target: '/b' }), home: '/elsewhere' },
      'home: "/elsewhere" is in none of the mappings',
    ],
  ])('with %s is refused, with its place', (_, settings, problem) => {
    const [found = ''] = problemsOf({ users: [{ name: 'good' }, { name: 'acme', ...settings }] });
    expect(found.slice(0, `$.users[1].${problem}`.length)).toBe(`$.users[1].${problem}`);
  });
});

describe('what a message lists', () => {
  test.each(['rw', 5, ['list', 'everything'], {}])('permissions %j: what is allowed', (permissions) => {
    expect(problemsOf({ users: [{ name: 'acme', permissions }] })).toEqual([
      '$.users[0].permissions: expected "read-only", "read-write" or a list of "list", "read", "write", "delete", ' +
        '"rename", "mkdir", "setAttributes"',
    ]);
  });

  test('workers', () => {
    expect(problemsOf({ workers: 'all' })).toEqual(['$.workers: expected a number from 1 to 256, or "auto"']);
  });

  test.each([
    ['ab', /^\$\.storage\.bucket: expected 3 to 63 characters, not 2/],
    ['partner/files', /has only lower-case letters.*folders go into "prefix"/],
    ['Partner', /has only lower-case letters/],
    ['-files', /begins and ends with a letter or digit/],
    ['partner..files', /no two dots/],
    ['192.168.1.1', /goes into "endpoint"/],
    ['s3://files', /has only/],
  ])('bucket "%s"', (bucket, message) => {
    const [problem = ''] = problemsOf({ storage: { type: 's3', bucket } });
    expect(problem).toMatch(message);
  });

  test('bucket names of other stores than AWS may have upper-case letters and underscores', () => {
    const endpoint = 'http://127.0.0.1:1';
    expect(problemsOf({ storage: { type: 's3', bucket: 'Partner_Files', endpoint } })).toEqual([]);
    expect(problemsOf({ storage: { type: 's3', bucket: 'a/b', endpoint } })).toHaveLength(1);
    expect(problemsOf({ storage: { type: 's3', bucket: 'partner-files.eu-1' } })).toEqual([]);
  });
});

describe('a file', () => {
  const write = (content: string, mode: number): string => {
    const file = join(folder, 'latticeport.json');
    writeFileSync(file, content);
    chmodSync(file, mode);
    return file;
  };
  const secretUser = { name: 'acme', passwordHash: 'x' };
  const s3 = { type: 's3', bucket: 'files', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };

  test('may begin with a byte order mark', () => {
    expect(loadConfig(write(`\uFEFF${text({ users: [{ name: 'acme' }] })}`, 0o600)).config.users).toHaveLength(1);
  });

  test('that everybody can read is a warning where secrets are in it', () => {
    const warnings = (content: object, mode: number): string[] =>
      loadConfig(write(text(content), mode)).warnings.map(({ jsonPath }) => jsonPath);
    expect(warnings({ users: [{ name: 'good' }, secretUser] }, 0o644)).toEqual(['$.users[1].passwordHash']);
    expect(warnings({ storage: s3 }, 0o604)).toEqual(['$.storage.credentials']);
    expect(warnings({ users: [secretUser], storage: s3 }, 0o640)).toEqual([]);
    expect(warnings({ users: [{ name: 'good' }] }, 0o644)).toEqual([]);
  });
});

describe('who can see whose files', () => {
  const seen = (...users: object[]): string[] => describeVisibility(usersOf(...users));

  test('nobody another’s, where homes are the users’ own', () => {
    expect(seen({ name: 'alice' }, { name: 'bob' }, { name: 'bobby' }, { name: 'x', home: '/bob-files' })).toEqual([]);
  });

  test('who is at home above others, and who shares', () => {
    expect(
      seen(
        { name: 'admin', home: '/' },
        { name: 'alice' },
        { name: 'bob', permissions: ['list', 'read'], home: '/team' },
        { name: 'carol', home: '/team/' },
        {
          name: 'audit',
          homeDirectoryType: 'LOGICAL',
          homeDirectoryMappings: [
            { entry: '/a', target: '/alice', readOnly: true },
            { entry: '/own', target: '/audit' },
          ],
        },
      ),
    ).toEqual([
      '/alice is shared by alice (read and write), audit (read only)',
      '/alice of alice, audit is also seen by admin (read and write, from /)',
      '/audit of audit is also seen by admin (read and write, from /)',
      '/team is shared by bob (read only), carol (read and write)',
      '/team of bob, carol is also seen by admin (read and write, from /)',
    ]);
  });

  test('is bounded', () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ name: `user${index}` }));
    const lines = seen({ name: 'admin', home: '/' }, ...many);
    expect(lines).toHaveLength(41);
    expect(lines.at(-1)).toBe('… and 60 more');
    const shared = seen(...many.map((user) => ({ ...user, home: '/' })));
    expect(shared).toHaveLength(1);
    expect(shared[0]).toMatch(/^\/ is shared by user0 \(read and write\), .* and 92 more$/);
  });
});
