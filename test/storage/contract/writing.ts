import { describe, expect, test } from '@jest/globals';
import type { ContractContext } from './store-contract.ts';
import { expectError, expectSameBytes, inParallel, KEEP, pattern, readToEnd, writeAt } from './store-driver.ts';

/** 255 KiB, the largest write that OpenSSH's client sends. */
const BIG_WRITE = 261_120;

export function describeWriting(context: ContractContext): void {
  describe('writing', () => {
    test('a file of zero bytes', async () => {
      const { driver } = context;
      await (await driver.openWrite('empty')).close();
      const { kind, attributes } = await driver.stat('empty');
      expect({ kind, size: attributes.size }).toEqual({ kind: 'file', size: 0 });
      expect(await driver.get('empty')).toHaveLength(0);
      expect((await driver.list()).map(({ name, kind: listed }) => [name, listed])).toEqual([['empty', 'file']]);
    });

    const sizes = new Set([1, 1000, 32_768, 100_001, 1 << 20]);
    for (const boundary of context.traits.boundaries) for (const by of [-1, 0, 1]) sizes.add(boundary + by);
    for (const size of sizes) {
      test(`${size} bytes come back as they went`, async () => {
        const { driver } = context;
        const bytes = pattern(size, size);
        const handle = await driver.openWrite('f');
        for (let offset = 0; offset < size; offset += BIG_WRITE) {
          await handle.write(offset, [Buffer.from(bytes.subarray(offset, offset + BIG_WRITE))]);
        }
        await handle.close();
        expect((await driver.stat('f')).attributes.size).toBe(size);
        expectSameBytes(await driver.get('f'), bytes);
      });
    }

    test('the chunks of one write follow each other, empty ones among them', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      await handle.write(0, [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')]);
      await handle.write(3, []);
      await handle.write(3, [Buffer.alloc(0)]);
      await handle.write(
        3,
        Array.from('defghij').map((letter) => Buffer.from(letter)),
      );
      await handle.close();
      expect(await driver.text('f')).toBe('abcdefghij');
    });

    test('more chunks than one system call takes', async () => {
      const { driver } = context;
      const bytes = pattern(3000);
      const handle = await driver.openWrite('f');
      await handle.write(
        0,
        Array.from(bytes, (_, index) => Buffer.from(bytes.subarray(index, index + 1))),
      );
      await handle.close();
      expectSameBytes(await driver.get('f'), bytes);
    });

    test('writes that arrive out of order', async () => {
      const { driver } = context;
      const bytes = pattern(40 * 1000);
      const order = Array.from({ length: 40 }, (_, index) => (index * 17) % 40);
      const handle = await driver.openWrite('f');
      for (const index of order) {
        await handle.write(index * 1000, [Buffer.from(bytes.subarray(index * 1000, (index + 1) * 1000))]);
      }
      await handle.close();
      expectSameBytes(await driver.get('f'), bytes);
    });

    test('a whole file written from its end to its start', async () => {
      const { driver } = context;
      const size = (context.traits.boundaries[0] ?? 1 << 20) + 77_777;
      const bytes = pattern(size);
      const handle = await driver.openWrite('f');
      for (let end = size; end > 0; end -= BIG_WRITE) {
        const start = Math.max(0, end - BIG_WRITE);
        await handle.write(start, [Buffer.from(bytes.subarray(start, end))]);
      }
      await handle.close();
      expectSameBytes(await driver.get('f'), bytes);
    });

    test('where writes overlap, the later one wins', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      await writeAt(handle, 0, 'aaaaaaaaaa');
      await writeAt(handle, 5, 'bbbbbbbbbb');
      await writeAt(handle, 2, 'cc');
      await writeAt(handle, 0, 'd');
      await handle.close();
      expect(await driver.text('f')).toBe('daccabbbbbbbbbb');
    });

    test('where writes in flight overlap, the one called later wins', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      const length = 200_000;
      await Promise.all(Array.from('abcdefgh').map((letter) => writeAt(handle, 0, letter.repeat(length))));
      await handle.close();
      expectSameBytes(await driver.get('f'), Buffer.alloc(length, 'h'));
    });

    test('holes read as zero bytes', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      await writeAt(handle, 10, 'tail');
      await handle.close();
      expect(await driver.text('f')).toBe('\0'.repeat(10) + 'tail');
      const again = await driver.openWrite('f', KEEP);
      await writeAt(again, 100_000, 'far');
      await again.close();
      const expected = Buffer.alloc(100_003);
      expected.write('tail', 10);
      expected.write('far', 100_000);
      expectSameBytes(await driver.get('f'), expected);
    });

    test('many writes in flight on one handle, in random order', async () => {
      const { driver } = context;
      const piece = 32_768;
      const count = 256;
      const bytes = pattern(piece * count, 7);
      const order = Array.from({ length: count }, (_, index) => (index * 101 + 13) % count);
      const handle = await driver.openWrite('f');
      await inParallel(order, 64, (index) =>
        handle.write(index * piece, [Buffer.from(bytes.subarray(index * piece, (index + 1) * piece))]),
      );
      await handle.close();
      expectSameBytes(await driver.get('f'), bytes);
    });

    test('close waits for the writes that are in flight', async () => {
      const { driver } = context;
      const bytes = pattern(2_000_000, 3);
      const handle = await driver.openWrite('f');
      const writes: Promise<void>[] = [];
      for (let offset = 0; offset < bytes.length; offset += 100_000) {
        writes.push(handle.write(offset, [Buffer.from(bytes.subarray(offset, offset + 100_000))]));
      }
      await Promise.all([...writes, handle.close()]);
      expectSameBytes(await driver.get('f'), bytes);
    });

    test('truncate on a handle shrinks, extends with zero bytes, and reaches the end of later writes', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      await writeAt(handle, 0, 'abcdefghij');
      await handle.truncate(4);
      expect((await handle.stat()).attributes.size).toBe(4);
      await handle.truncate(6);
      await writeAt(handle, 8, 'Z');
      expect((await handle.stat()).attributes.size).toBe(9);
      await handle.close();
      expect(await driver.text('f')).toBe('abcd\0\0\0\0Z');
    });

    test('truncate and writes in flight keep the order of their calls', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      await Promise.all([
        writeAt(handle, 0, 'x'.repeat(300_000)),
        handle.truncate(2),
        writeAt(handle, 1, 'yy'),
        handle.truncate(5),
      ]);
      await handle.close();
      expect(await driver.text('f')).toBe('xyy\0\0');
    });

    test('the handle tells the size while it writes, and that it is a file', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      expect((await handle.stat()).attributes.size).toBe(0);
      await writeAt(handle, 0, 'x'.repeat(70_000));
      const { kind, attributes } = await handle.stat();
      expect({ kind, size: attributes.size }).toEqual({ kind: 'file', size: 70_000 });
      expect(attributes.mode & 0o170000).toBe(0o100000);
      await handle.close();
    });

    test('a handle opened for both reads what it wrote, before the close', async () => {
      const { driver } = context;
      await driver.put('f', 'The old content');
      const handle = await driver.openWrite('f', { ...KEEP, read: true });
      expect((await readToEnd(handle)).toString()).toBe('The old content');
      await writeAt(handle, 4, 'NEW');
      expect((await handle.read(0, 100)).toString()).toBe('The NEW content');
      expect((await handle.read(4, 3)).toString()).toBe('NEW');
      expect(await handle.read(15, 10)).toHaveLength(0);
      expect(await handle.read(1_000_000, 10)).toHaveLength(0);
      await writeAt(handle, 20, '!');
      expect((await readToEnd(handle, 6)).toString()).toBe('The NEW content\0\0\0\0\0!');
      await handle.truncate(7);
      expect((await readToEnd(handle)).toString()).toBe('The NEW');
      await handle.close();
      expect(await driver.text('f')).toBe('The NEW');
    });

    test('a read sees the writes that were called before it', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f', { read: true });
      const write = writeAt(handle, 0, 'm'.repeat(200_000));
      const read = handle.read(150_000, 10);
      await write;
      expect((await read).toString()).toBe('m'.repeat(10));
      await handle.close();
    });

    test('sync resolves in mid-write, and the rest follows', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      await handle.sync();
      await writeAt(handle, 0, 'one ');
      await handle.sync();
      await writeAt(handle, 4, 'two');
      await handle.close();
      expect(await driver.text('f')).toBe('one two');
    });

    test('truncate of a closed file shrinks and extends with zero bytes', async () => {
      const { driver } = context;
      await driver.put('f', 'abcdef');
      await driver.store.truncate(driver.at('f'), 3);
      expect(await driver.text('f')).toBe('abc');
      await driver.store.truncate(driver.at('f'), 3);
      await driver.store.truncate(driver.at('f'), 5);
      expect(await driver.text('f')).toBe('abc\0\0');
      await driver.store.truncate(driver.at('f'), 0);
      expect((await driver.stat('f')).attributes.size).toBe(0);
      await driver.mkdir('d');
      await expectError(driver.store.truncate(driver.at('d'), 0), 'is-a-directory');
      await expectError(driver.store.truncate(driver.at('missing'), 0), 'not-found');
    });
  });
}
