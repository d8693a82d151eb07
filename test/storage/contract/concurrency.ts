import { describe, expect, test } from '@jest/globals';
import type { ContractContext } from './store-contract.ts';
import { expectError, expectSameBytes, inParallel, KEEP, pattern, writeAt } from './store-driver.ts';

export function describeConcurrency(context: ContractContext): void {
  describe('several clients', () => {
    test('two writers to one path never mix: the last to close wins, whole', async () => {
      const { driver } = context;
      const size = 700_000;
      const first = await driver.openWrite('f');
      const second = await driver.openWrite('f');
      for (let offset = 0; offset < size; offset += 100_000) {
        await writeAt(first, offset, '1'.repeat(100_000));
        if (offset < 300_000) await writeAt(second, offset, '2'.repeat(100_000));
      }
      await second.close();
      expectSameBytes(await driver.get('f'), Buffer.alloc(300_000, '2'));
      await first.close();
      expectSameBytes(await driver.get('f'), Buffer.alloc(size, '1'));
    });

    test('two that keep the bytes and change different places do not mix either', async () => {
      const { driver } = context;
      await driver.put('f', '..........');
      const first = await driver.openWrite('f', KEEP);
      const second = await driver.openWrite('f', KEEP);
      await writeAt(first, 0, 'A');
      await writeAt(second, 9, 'B');
      await first.close();
      expect(await driver.text('f')).toBe('A.........');
      // Its base is not there any more: the change of a file that nobody has is told, and not lost or made twice.
      await expectError(second.close(), 'changed');
      expect(await driver.text('f')).toBe('A.........');
    });

    test('a writer stays whole when its file is removed or renamed in between', async () => {
      const { driver } = context;
      await driver.put('f', 'old');
      const handle = await driver.openWrite('f');
      await writeAt(handle, 0, 'new ');
      await driver.rename('f', 'moved away');
      await writeAt(handle, 4, 'content');
      await handle.close();
      expect(await driver.text('f')).toBe('new content');
      expect(await driver.text('moved away')).toBe('old');
      const again = await driver.openWrite('f');
      await writeAt(again, 0, 'once more');
      await driver.store.remove(driver.at('f'));
      await again.close();
      expect(await driver.text('f')).toBe('once more');
    });

    test('a hundred files written and read at once', async () => {
      const { driver } = context;
      const indexes = Array.from({ length: 100 }, (_, index) => index);
      await inParallel(indexes, 50, async (index) => {
        await driver.put(`f${index}`, pattern(20_000 + index, index));
        expectSameBytes(await driver.get(`f${index}`), pattern(20_000 + index, index));
      });
      expect(await driver.list()).toHaveLength(100);
    });

    test('the same file written again and again while others read it: each reader sees one whole version', async () => {
      const { driver } = context;
      const version = (index: number) => Buffer.alloc(150_000, 65 + index);
      await driver.put('f', version(0));
      let writing = true;
      const write = async () => {
        for (let index = 1; index <= 10; index += 1) await driver.put('f', version(index));
        writing = false;
      };
      const read = async () => {
        while (writing) {
          const handle = await driver.store.openRead(driver.at('f'));
          try {
            const head = await handle.read(0, 75_000);
            const tail = await handle.read(75_000, 75_000);
            const first = head[0] ?? 0;
            expectSameBytes(Buffer.concat([head, tail]), Buffer.alloc(150_000, first));
          } catch (error) {
            expect(error).toMatchObject({ code: 'changed' });
          } finally {
            await handle.close();
          }
        }
      };
      await Promise.all([write(), read(), read()]);
      expectSameBytes(await driver.get('f'), version(10));
    });
  });
}
