// The order in which operations on names run: who asks first is first, and directories wait for what is in them.
import { expect, test } from '@jest/globals';
import { PathLanes } from '../../../src/storage/registry/path-lanes.ts';
import { storePath } from '../store-path.ts';

/** Enters, and notes the name once inside; answers how to leave. */
function entering(lanes: PathLanes, inside: string[], name: string, paths: string[]): Promise<() => void> {
  return lanes.enter(paths.map(storePath)).then((leave) => {
    inside.push(name);
    return leave;
  });
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('one path is for one operation at a time, in the order of asking', async () => {
  const lanes = new PathLanes();
  const inside: string[] = [];
  const first = await entering(lanes, inside, 'first', ['d/a']);
  const second = entering(lanes, inside, 'second', ['d/a']);
  const third = entering(lanes, inside, 'third', ['d/a']);
  await settled();
  expect(inside).toEqual(['first']);
  first();
  (await second)();
  (await third)();
  expect(inside).toEqual(['first', 'second', 'third']);
  expect(lanes.size).toBe(0);
});

test('other names of a directory do not wait for each other; the directory waits for both', async () => {
  const lanes = new PathLanes();
  const inside: string[] = [];
  const a = await entering(lanes, inside, 'a', ['d/a']);
  const b = await entering(lanes, inside, 'b', ['d/b']);
  const directory = entering(lanes, inside, 'd', ['d']);
  const later = entering(lanes, inside, 'later', ['d/c']);
  await settled();
  expect(inside).toEqual(['a', 'b']);
  a();
  b();
  (await directory)();
  (await later)();
  expect(inside).toEqual(['a', 'b', 'd', 'later']);
});

test('two that want the same two paths in the other order do not wait for each other', async () => {
  const lanes = new PathLanes();
  const inside: string[] = [];
  const first = await entering(lanes, inside, 'first', ['a', 'b']);
  const second = entering(lanes, inside, 'second', ['b', 'a']);
  await settled();
  expect(inside).toEqual(['first']);
  first();
  (await second)();
  expect(lanes.size).toBe(0);
});
