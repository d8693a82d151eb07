import { expect, test } from '@jest/globals';
import { GroupCommit } from '../../src/storage/local/group-commit.ts';

interface Run {
  readonly who: string;
  end(error?: Error): void;
}

/** Runs that end when the test says so. */
function held(): { runs: Run[]; commit: (who: string) => () => Promise<void> } {
  const runs: Run[] = [];
  const commit = (who: string) => () =>
    new Promise<void>((resolve, reject) => {
      runs.push({
        who,
        end: (error) => {
          if (error === undefined) resolve();
          else reject(error);
        },
      });
    });
  return { runs, commit };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('those who come during a run share the next one, which begins after it', async () => {
  const group = new GroupCommit();
  const { runs, commit } = held();
  const done: string[] = [];
  for (const who of ['a', 'b', 'c']) void group.run('d', commit(who)).then(() => done.push(who));
  await settle();
  expect(runs.map(({ who }) => who)).toEqual(['a']);
  runs[0]?.end();
  await settle();
  expect(done).toEqual(['a']);
  expect(runs.map(({ who }) => who)).toEqual(['a', 'b']);
  // The run has begun: what came later may not be in it.
  void group.run('d', commit('e')).then(() => done.push('e'));
  runs[1]?.end();
  await settle();
  expect(done).toEqual(['a', 'b', 'c']);
  runs[2]?.end();
  await settle();
  expect(done).toEqual(['a', 'b', 'c', 'e']);
  expect(runs.map(({ who }) => who)).toEqual(['a', 'b', 'e']);
});

test('different things do not wait for each other, and a finished one leaves nothing behind', async () => {
  const group = new GroupCommit();
  const { runs, commit } = held();
  const all = [group.run('d', commit('a')), group.run('other', commit('b'))];
  expect(runs).toHaveLength(2);
  for (const run of runs) run.end();
  await Promise.all(all);
  const again = group.run('d', commit('c'));
  expect(runs).toHaveLength(3);
  runs[2]?.end();
  await again;
});

test('all who share a run that fails are told, and the next one is run', async () => {
  const group = new GroupCommit();
  const { runs, commit } = held();
  const first = group.run('d', commit('a'));
  const shared = [group.run('d', commit('b')), group.run('d', commit('c'))];
  const refusals = Promise.allSettled([first, ...shared]);
  runs[0]?.end(new Error('EIO'));
  await settle();
  runs[1]?.end(new Error('again'));
  expect((await refusals).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await expect(shared[1]).rejects.toThrow('again');
  const after = group.run('d', commit('e'));
  runs[2]?.end();
  await after;
});
