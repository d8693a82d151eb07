import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pinByDescriptor } from '../../src/storage/local/directory-ref.ts';
import type { DirectoryRef } from '../../src/storage/local/directory-ref.ts';
import { PathResolver } from '../../src/storage/local/path-resolver.ts';
import { SymbolicLinkMet } from '../../src/storage/symbolic-link.ts';
import { openLocal } from './local-fixture.ts';
import type { LocalFixture } from './local-fixture.ts';
import { storePath } from './store-path.ts';

let fixture: LocalFixture;
/** What was opened: paths in one call, and names in a directory one by one. */
let opened: string[] = [];

beforeEach(async () => {
  fixture = await openLocal();
  opened = [];
  await mkdir(join(fixture.root, 'a/b/c'), { recursive: true });
  await writeFile(join(fixture.root, 'a/b/c/f'), '');
  await symlink('b', join(fixture.root, 'a/link'));
});
afterEach(async () => {
  expect(await fixture.leftovers()).toEqual([]);
  await fixture.cleanup();
});

function resolver(): PathResolver {
  const counted = (ref: DirectoryRef): DirectoryRef => ({
    ...ref,
    child: async (name) => {
      opened.push(name);
      return counted(await ref.child(name));
    },
  });
  return new PathResolver(fixture.root, fixture.root, async (path) => {
    opened.push(path);
    return counted(await pinByDescriptor(path));
  });
}

test('a path without links is opened in one go, however deep', async () => {
  const paths = resolver();
  for (const place of [
    await paths.place(storePath('a/b/c/f')),
    await paths.located(storePath('a/b/c/f')),
    await paths.followed(storePath('a/b/c/f')),
  ]) {
    place.directory.release();
  }
  (await paths.directory(storePath('a/b/c'))).release();
  expect(opened).toEqual(Array.from({ length: 4 }, () => join(fixture.root, 'a/b/c')));
});

test('with a link on it, it is opened name by name up to the link, which is met', async () => {
  const met: unknown = await resolver()
    .place(storePath('a/link/c/f'))
    .catch((error: unknown) => error);
  expect(met).toBeInstanceOf(SymbolicLinkMet);
  expect(met).toMatchObject({ path: 'a/link/c/f', link: 'a/link', target: 'b', code: 'permission-denied' });
  expect(opened).toEqual([join(fixture.root, 'a/link/c'), fixture.root, 'a', 'link']);
});
