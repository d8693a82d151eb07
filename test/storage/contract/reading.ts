import { describe, expect, test } from '@jest/globals';
import { StorageError } from '../../../src/storage/object-store.ts';
import type { ContractContext } from './store-contract.ts';
import { expectError, expectSameBytes, inParallel, pattern, readToEnd } from './store-driver.ts';

export function describeReading(context: ContractContext): void {
  describe('reading', () => {
    test('at any offset and length: short only at the end, empty at and past it', async () => {
      const { driver } = context;
      await driver.put('f', '0123456789');
      const handle = await driver.store.openRead(driver.at('f'));
      const at = async (offset: number, length: number) => (await handle.read(offset, length)).toString();
      expect(await at(0, 10)).toBe('0123456789');
      expect(await at(3, 4)).toBe('3456');
      expect(await at(8, 10)).toBe('89');
      expect(await at(0, 1_000_000)).toBe('0123456789');
      expect(await at(10, 1)).toBe('');
      expect(await at(11, 5)).toBe('');
      expect(await at(2 ** 40, 5)).toBe('');
      expect(await at(5, 0)).toBe('');
      expect((await handle.stat()).attributes.size).toBe(10);
      expect((await handle.stat()).kind).toBe('file');
      await handle.close();
    });

    test('thousands of reads past the end are answered at once', async () => {
      const { driver } = context;
      await driver.put('f', 'short');
      const handle = await driver.store.openRead(driver.at('f'));
      const started = Date.now();
      const answers = await Promise.all(
        Array.from({ length: 4000 }, (_, index) => handle.read(5 + index * 32_768, 32_768)),
      );
      expect(answers.every((answer) => answer.length === 0)).toBe(true);
      expect(Date.now() - started).toBeLessThan(5_000);
      await handle.close();
    });

    test('many reads in flight, in any order, give the same bytes', async () => {
      const { driver } = context;
      const size = (context.traits.boundaries[0] ?? 1 << 20) * 2 + 12_345;
      const piece = 100_000;
      const bytes = pattern(size, 11);
      await driver.put('f', bytes);
      const got = Buffer.alloc(size);
      const handle = await driver.store.openRead(driver.at('f'));
      const count = Math.ceil(size / piece);
      const order = Array.from({ length: count }, (_, index) => (index * 7 + 3) % count);
      await inParallel(order, 32, async (index) => {
        const answer = await handle.read(index * piece, piece);
        expect(answer).toHaveLength(Math.min(piece, size - index * piece));
        answer.copy(got, index * piece);
      });
      for (let index = 0; index < count; index += 1) {
        if (order.includes(index)) continue;
        (await handle.read(index * piece, piece)).copy(got, index * piece);
      }
      await handle.close();
      expectSameBytes(got, bytes);
    });

    test('a download is intact under a storm of questions about it', async () => {
      const { driver } = context;
      const bytes = pattern(3_000_000, 15);
      await driver.put('f', bytes);
      let reading = true;
      const ask = async () => {
        while (reading) {
          expect((await driver.stat('f')).attributes.size).toBe(bytes.length);
          expect(await driver.names()).toEqual(['f']);
          await expectError(driver.stat('missing'), 'not-found');
        }
      };
      const handle = await driver.store.openRead(driver.at('f'));
      const read = async () => {
        try {
          return await readToEnd(handle, 32_768);
        } finally {
          reading = false;
        }
      };
      const [got] = await Promise.all([read(), ask(), ask(), ask()]);
      await handle.close();
      expectSameBytes(got, bytes);
    });

    test('the buffer of a read belongs to the caller', async () => {
      const { driver } = context;
      await driver.put('f', 'untouched');
      const handle = await driver.store.openRead(driver.at('f'));
      (await handle.read(0, 9)).fill('x');
      expect((await handle.read(0, 9)).toString()).toBe('untouched');
      await handle.close();
      expect(await driver.text('f')).toBe('untouched');
    });

    test('the old file can be read while the new one is written', async () => {
      const { driver } = context;
      await driver.put('f', 'old content');
      const writer = await driver.openWrite('f');
      await writer.write(0, [pattern(300_000)]);
      expect(await driver.text('f')).toBe('old content');
      expect((await driver.stat('f')).attributes.size).toBe(11);
      await writer.sync();
      expect(await driver.text('f')).toBe('old content');
      await writer.close();
      expectSameBytes(await driver.get('f'), pattern(300_000));
    });

    test('a reader of a file that is replaced sees the old bytes or fails with changed, never a mixture', async () => {
      const { driver } = context;
      const size = 2_000_000;
      const old = pattern(size, 21);
      await driver.put('f', old);
      const reader = await driver.store.openRead(driver.at('f'));
      const head = await reader.read(0, 100_000);
      await driver.put('f', pattern(size, 22));
      let rest: Buffer | undefined;
      try {
        rest = await readToEnd(reader, 100_000, 100_000);
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
        expect((error as StorageError).code).toBe('changed');
      }
      if (rest !== undefined) expectSameBytes(Buffer.concat([head, rest]), old);
      await reader.close();
      expectSameBytes(await driver.get('f'), pattern(size, 22));
    });

    test('a reader of a file that is removed sees its bytes or an error, never others', async () => {
      const { driver } = context;
      await driver.put('f', 'x'.repeat(500_000));
      const reader = await driver.store.openRead(driver.at('f'));
      await driver.store.remove(driver.at('f'));
      expect(await driver.exists('f')).toBe(false);
      try {
        expectSameBytes(await readToEnd(reader), Buffer.alloc(500_000, 'x'));
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
        expect(['changed', 'not-found']).toContain((error as StorageError).code);
      }
      await reader.close();
    });
  });
}
