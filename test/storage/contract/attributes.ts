import { describe, expect, test } from '@jest/globals';
import type { AttributeChange } from '../../../src/storage/object-store.ts';
import type { ContractContext } from './store-contract.ts';
import type { StoreDriver } from './store-driver.ts';
import { expectError, expectSameBytes, KEEP, pattern, writeAt } from './store-driver.ts';

const FOLLOW = { followSymlinks: true };

async function timesAndMode(driver: StoreDriver, name: string) {
  const { mtime, atime, mode } = (await driver.stat(name)).attributes;
  return { mtime, atime, mode: mode & 0o7777 };
}

export function describeAttributes(context: ContractContext): void {
  describe('attributes', () => {
    test('of a closed file are set and seen, one by one and together', async () => {
      const { driver } = context;
      await driver.put('f', 'content');
      const set = (change: AttributeChange) => driver.store.setAttributes(driver.at('f'), change, FOLLOW);
      await set({ mtime: 1_111_111_111, atime: 1_222_222_222, mode: 0o600 });
      expect(await timesAndMode(driver, 'f')).toEqual({ mtime: 1_111_111_111, atime: 1_222_222_222, mode: 0o600 });
      await set({ mtime: 1_333_333_333 });
      expect(await timesAndMode(driver, 'f')).toEqual({ mtime: 1_333_333_333, atime: 1_222_222_222, mode: 0o600 });
      await set({ mode: 0o644 });
      expect(await timesAndMode(driver, 'f')).toEqual({ mtime: 1_333_333_333, atime: 1_222_222_222, mode: 0o644 });
      await set({});
      expect(await timesAndMode(driver, 'f')).toEqual({ mtime: 1_333_333_333, atime: 1_222_222_222, mode: 0o644 });
      expect((await driver.stat('f')).attributes.mode & 0o170000).toBe(0o100000);
      expect(await driver.text('f')).toBe('content');
      await set({ mtime: 0, atime: 4_294_967_295 });
      expect((await driver.stat('f')).attributes.mtime).toBe(0);
      expect((await driver.stat('f')).attributes.atime).toBe(4_294_967_295);
    });

    context.testWhere(
      (traits) => traits.exactListing,
      'of a closed file are seen in the listing',
      async () => {
        const { driver } = context;
        await driver.put('f', 'content');
        await driver.store.setAttributes(driver.at('f'), { mtime: 1_111_111_111, mode: 0o600 }, FOLLOW);
        const [entry] = await driver.list();
        expect(entry?.attributes.mtime).toBe(1_111_111_111);
        expect((entry?.attributes.mode ?? 0) & 0o777).toBe(0o600);
      },
    );

    test('of something missing are not-found', async () => {
      const { driver } = context;
      await expectError(driver.store.setAttributes(driver.at('missing'), { mtime: 1 }, FOLLOW), 'not-found');
    });

    test('of a directory can be set', async () => {
      const { driver } = context;
      await driver.store.mkdir(driver.at('d'), { mode: 0o750 });
      expect((await timesAndMode(driver, 'd')).mode).toBe(0o750);
      await driver.store.setAttributes(
        driver.at('d'),
        { mtime: 1_000_000_000, atime: 1_000_000_001, mode: 0o700 },
        FOLLOW,
      );
      expect(await timesAndMode(driver, 'd')).toEqual({ mtime: 1_000_000_000, atime: 1_000_000_001, mode: 0o700 });
      expect((await driver.stat('d')).kind).toBe('directory');
    });

    test('given at open are those of the new file', async () => {
      const { driver } = context;
      await driver.put('f', 'content', { attributes: { mtime: 1_500_000_000, atime: 1_500_000_001, mode: 0o640 } });
      expect(await timesAndMode(driver, 'f')).toEqual({ mtime: 1_500_000_000, atime: 1_500_000_001, mode: 0o640 });
    });

    for (const boundary of context.traits.boundaries.slice(0, 1)) {
      test(`given at open are those of a new file of more than ${boundary} bytes too`, async () => {
        const { driver } = context;
        const bytes = pattern(boundary + 100, 4);
        await driver.put('f', bytes, { attributes: { mtime: 1_500_000_000, atime: 1_500_000_001, mode: 0o640 } });
        expect(await timesAndMode(driver, 'f')).toEqual({ mtime: 1_500_000_000, atime: 1_500_000_001, mode: 0o640 });
        expectSameBytes(await driver.get('f'), bytes);
      });
    }

    test('set on a handle in mid-write are seen by it at once and by others after the close', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      await writeAt(handle, 0, 'some ');
      await handle.setAttributes({ mtime: 1_234_567_890, atime: 1_234_567_891, mode: 0o604 });
      const seen = (await handle.stat()).attributes;
      expect({ mtime: seen.mtime, mode: seen.mode & 0o777, size: seen.size }).toEqual({
        mtime: 1_234_567_890,
        mode: 0o604,
        size: 5,
      });
      await writeAt(handle, 5, 'more');
      await handle.close();
      expect(await timesAndMode(driver, 'f')).toEqual({ mtime: 1_234_567_890, atime: 1_234_567_891, mode: 0o604 });
      expect(await driver.text('f')).toBe('some more');
    });

    test('set on a handle that writes nothing change the file that is there', async () => {
      const { driver } = context;
      await driver.put('f', 'content');
      const handle = await driver.openWrite('f', KEEP);
      await handle.setAttributes({ mtime: 1_234_567_890, atime: 1_234_567_891, mode: 0o604 });
      expect((await handle.stat()).attributes.mtime).toBe(1_234_567_890);
      await handle.close();
      expect(await timesAndMode(driver, 'f')).toEqual({ mtime: 1_234_567_890, atime: 1_234_567_891, mode: 0o604 });
      expect(await driver.text('f')).toBe('content');
    });

    test('of a file that is written anew: the mode stays, even against one given at open, the time is new', async () => {
      const { driver } = context;
      await driver.put('f', 'old', { attributes: { mtime: 1_000_000_000, mode: 0o600 } });
      const now = Math.floor(Date.now() / 1000) - 120;
      await driver.put('f', 'new', { attributes: { mode: 0o644 } });
      expect((await timesAndMode(driver, 'f')).mode).toBe(0o600);
      expect((await timesAndMode(driver, 'f')).mtime).toBeGreaterThan(now);
      const handle = await driver.openWrite('f', KEEP);
      await writeAt(handle, 0, 'N');
      await handle.close();
      expect(await driver.text('f')).toBe('New');
      expect((await timesAndMode(driver, 'f')).mode).toBe(0o600);
    });

    test('of a file that is truncated by its path: the mode stays', async () => {
      const { driver } = context;
      await driver.put('f', 'content', { attributes: { mode: 0o600 } });
      await driver.store.truncate(driver.at('f'), 2);
      expect((await timesAndMode(driver, 'f')).mode).toBe(0o600);
    });

    context.testWhere(
      (traits) => traits.ownership,
      'uid and gid are set on a path, on a handle and at open, and stay when the file is written anew',
      async () => {
        const { driver } = context;
        const owner = async (name: string) => {
          const { uid, gid } = (await driver.stat(name)).attributes;
          return { uid, gid };
        };
        await driver.put('f', 'content');
        await driver.store.setAttributes(driver.at('f'), { uid: 1234, gid: 2345 }, FOLLOW);
        expect(await owner('f')).toEqual({ uid: 1234, gid: 2345 });
        await driver.put('f', 'again');
        expect(await owner('f')).toEqual({ uid: 1234, gid: 2345 });
        const handle = await driver.openWrite('g');
        await writeAt(handle, 0, 'x');
        await handle.setAttributes({ uid: 77, gid: 88 });
        await handle.close();
        expect(await owner('g')).toEqual({ uid: 77, gid: 88 });
      },
    );

    context.testWhere(
      (traits) => traits.ownership,
      'a mode is kept without the bits that let a program run as its owner',
      async () => {
        const { driver } = context;
        await driver.put('f', 'x', { attributes: { mode: 0o6755 } });
        await driver.store.mkdir(driver.at('d'), { mode: 0o4755 });
        for (const [name, mode] of [
          ['f', 0o755],
          ['d', 0o755],
        ] as const) {
          expect((await timesAndMode(driver, name)).mode).toBe(mode);
          await driver.store.setAttributes(driver.at(name), { mode: 0o7711 }, FOLLOW);
          expect((await timesAndMode(driver, name)).mode).toBe(0o1711);
        }
      },
    );

    test('are not lost by a rename over another file', async () => {
      const { driver } = context;
      await driver.put('a', 'a', { attributes: { mtime: 1_400_000_000, mode: 0o600 } });
      await driver.put('b', 'b');
      await driver.rename('a', 'b', true);
      expect((await timesAndMode(driver, 'b')).mtime).toBe(1_400_000_000);
      expect((await timesAndMode(driver, 'b')).mode).toBe(0o600);
    });
  });
}
