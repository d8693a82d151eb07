import { expect, test } from '@jest/globals';
import { PasswordTurns } from '../../src/auth/password-turns.ts';

/** Checks that end when told, and what has been started. */
function bench(): {
  turns: PasswordTurns;
  started: string[];
  check: (name: string) => () => Promise<boolean>;
  end: (name: string) => void;
} {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    turns: new PasswordTurns(),
    started,
    check: (name) => () => {
      started.push(name);
      return new Promise((resolve) => {
        ends.set(name, () => {
          resolve(true);
        });
      });
    },
    end: (name) => ends.get(name)?.(),
  };
}

const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });
const always = (): boolean => true;

test('two run at a time; the sources take turns, whoever has more waiting', async () => {
  const { turns, started, check, end } = bench();
  for (const name of ['a1', 'a2', 'a3', 'a4']) void turns.run('a', always, check(name));
  void turns.run('b', always, check('b1'));
  await settle();
  expect(started).toEqual(['a1', 'a2']);
  end('a1');
  await settle();
  end('a2');
  await settle();
  expect(started).toEqual(['a1', 'a2', 'a3', 'b1']);
  end('b1');
  await settle();
  expect(started.at(-1)).toBe('a4');
});

test('a client that has gone is passed over', async () => {
  const { turns, started, check, end } = bench();
  void turns.run('a', always, check('a1'));
  void turns.run('a', always, check('a2'));
  let wanted = true;
  const gone = turns.run('b', () => wanted, check('b1'));
  void turns.run('c', always, check('c1'));
  wanted = false;
  end('a1');
  expect(await gone).toBe('unwanted');
  await settle();
  expect(started).toEqual(['a1', 'a2', 'c1']);
});

test('past 64 waiting an attempt fails at once', async () => {
  const { turns, check } = bench();
  for (let i = 0; i < 66; i += 1) void turns.run(`s${i}`, always, check(`x${i}`));
  expect(await turns.run('late', always, check('late'))).toBe('busy');
});

test('a check that rejects gives its place back', async () => {
  const { turns, started, check } = bench();
  const failed = [1, 2].map(() => turns.run('a', always, () => Promise.reject(new Error('no memory'))));
  for (const result of failed) await expect(result).rejects.toThrow('no memory');
  void turns.run('a', always, check('next'));
  await settle();
  expect(started).toEqual(['next']);
});
