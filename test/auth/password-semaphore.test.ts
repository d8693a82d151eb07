import { expect, test } from '@jest/globals';
import { PasswordSemaphore } from '../../src/auth/password-semaphore.ts';

/** Checks that end when told, and what has been started. */
function bench(): {
  turns: PasswordSemaphore;
  started: string[];
  check: (name: string) => () => Promise<boolean>;
  end: (name: string) => void;
} {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    turns: new PasswordSemaphore(),
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

/** How many of these attempts were turned away so far. */
function turnedAway(attempts: readonly Promise<boolean | 'unwanted' | 'busy'>[]): () => Promise<string[]> {
  const outcomes: string[] = [];
  attempts.forEach((attempt, i) => void attempt.then((outcome) => outcomes.push(`${i} ${String(outcome)}`)));
  return async () => {
    await settle();
    return outcomes;
  };
}

test('past 64 waiting sources with one attempt each, the next fails at once', async () => {
  const { turns, check } = bench();
  for (let i = 0; i < 66; i += 1) void turns.run(`s${i}`, always, check(`x${i}`));
  expect(await turns.run('late', always, check('late'))).toBe('busy');
});

test('one source has at most 32 waiting', async () => {
  const { turns, check } = bench();
  const outcomes = turnedAway(Array.from({ length: 36 }, (_, i) => turns.run('a', always, check(`a${i}`))));
  expect(await outcomes()).toEqual(['34 busy', '35 busy']);
});

test('when all places are taken, the last to come of the busiest source goes', async () => {
  const { turns, started, check, end } = bench();
  const a = turnedAway(Array.from({ length: 34 }, (_, i) => turns.run('a', always, check(`a${i}`))));
  const b = turnedAway(Array.from({ length: 31 }, (_, i) => turns.run('b', always, check(`b${i}`))));
  void turns.run('c', always, check('c0'));
  // Full: 32 of a, 31 of b, one of c.
  void turns.run('victim', always, check('right'));
  expect([await a(), await b()]).toEqual([['33 busy'], []]);
  void turns.run('victim', always, check('right again'));
  expect([...(await a()), ...(await b())]).toHaveLength(2);
  // And it does not wait for those who were there before it: one of each source.
  for (const name of ['a0', 'a1', 'a2', 'b0', 'c0']) {
    end(name);
    await settle();
  }
  expect(started).toContain('right');
});

test('those who have gone take no places', async () => {
  const { turns, check } = bench();
  let there = true;
  const wanted = (): boolean => there;
  const a = turnedAway(Array.from({ length: 34 }, (_, i) => turns.run('a', wanted, check(`a${i}`))));
  there = false;
  const late = turnedAway([turns.run('a', always, check('late'))]);
  expect(await late()).toEqual([]);
  expect(await a()).toHaveLength(32);
});

test('a check that rejects gives its place back', async () => {
  const { turns, started, check } = bench();
  const failed = [1, 2].map(() => turns.run('a', always, () => Promise.reject(new Error('no memory'))));
  for (const result of failed) await expect(result).rejects.toThrow('no memory');
  void turns.run('a', always, check('next'));
  await settle();
  expect(started).toEqual(['next']);
});
