import { describe, expect, test } from '@jest/globals';
import type { ContractContext } from './store-contract.ts';
import { expectSameBytes, KEEP, pattern, writeAt } from './store-driver.ts';

export function describeResuming(context: ContractContext): void {
  describe('resuming', () => {
    const sizes = [
      1,
      100_000,
      ...context.traits.boundaries.flatMap((boundary) => [boundary - 1, boundary, boundary + 1]),
    ];
    for (const size of sizes) {
      test(`${size} bytes are kept and the rest is written behind them`, async () => {
        const { driver } = context;
        const whole = pattern(size + 150_000, size);
        await driver.put('f', whole.subarray(0, size));
        const handle = await driver.openWrite('f', KEEP);
        expect((await handle.stat()).attributes.size).toBe(size);
        await handle.write(size, [Buffer.from(whole.subarray(size, size + 50_000))]);
        await handle.write(size + 50_000, [Buffer.from(whole.subarray(size + 50_000))]);
        await handle.close();
        expectSameBytes(await driver.get('f'), whole);
      });
    }

    test('append writes at the end, whatever the offset', async () => {
      const { driver } = context;
      await driver.put('f', 'one ');
      const handle = await driver.openWrite('f', { ...KEEP, append: true });
      await writeAt(handle, 0, 'two ');
      await writeAt(handle, 2, 'three ');
      await writeAt(handle, 1_000_000, 'four');
      expect((await handle.stat()).attributes.size).toBe(18);
      await handle.close();
      expect(await driver.text('f')).toBe('one two three four');
    });

    test('appends in flight follow each other in the order of their calls', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f', { append: true, truncate: false });
      const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
      await Promise.all(letters.map((letter) => writeAt(handle, 0, letter.repeat(5000))));
      await handle.close();
      expectSameBytes(await driver.get('f'), Buffer.from(letters.map((letter) => letter.repeat(5000)).join('')));
    });

    test('append creates a file, and goes on after a truncate', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('log', { append: true, truncate: false });
      await writeAt(handle, 0, 'abcdef');
      await handle.truncate(3);
      await writeAt(handle, 0, 'XYZ');
      await handle.close();
      expect(await driver.text('log')).toBe('abcXYZ');
    });

    test('bytes in the middle of a file are replaced in place', async () => {
      const { driver } = context;
      const size = (context.traits.boundaries[0] ?? 1 << 20) + 200_000;
      const bytes = pattern(size, 5);
      await driver.put('f', bytes);
      const handle = await driver.openWrite('f', KEEP);
      await writeAt(handle, size - 100_000, 'in the middle');
      await writeAt(handle, 10, 'near the start');
      await handle.close();
      bytes.write('in the middle', size - 100_000);
      bytes.write('near the start', 10);
      expectSameBytes(await driver.get('f'), bytes);
    });

    test('a handle that keeps the bytes can cut them off and extend them', async () => {
      const { driver } = context;
      const size = (context.traits.boundaries[0] ?? 1 << 20) + 1000;
      const bytes = pattern(size, 6);
      await driver.put('f', bytes);
      const shrink = await driver.openWrite('f', KEEP);
      await shrink.truncate(size - 500);
      await shrink.close();
      expectSameBytes(await driver.get('f'), bytes.subarray(0, size - 500));
      const extend = await driver.openWrite('f', KEEP);
      await extend.truncate(size + 500);
      await extend.close();
      expectSameBytes(await driver.get('f'), Buffer.concat([bytes.subarray(0, size - 500), Buffer.alloc(1000)]));
      expect((await driver.stat('f')).attributes.size).toBe(size + 500);
    });
  });
}
