// The primary's part in the lanes: one order for all workers, and who is asked and told.
import { expect, test } from '@jest/globals';
import { LaneKeeper } from '../../../src/server/workers/lane-keeper.ts';
import type { LaneOrder } from '../../../src/server/workers/lane-messages.ts';
import { storePath } from '../../storage/store-path.ts';

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function keeper(): { keeper: LaneKeeper; sent: (LaneOrder & { worker: number })[] } {
  const sent: (LaneOrder & { worker: number })[] = [];
  return { sent, keeper: new LaneKeeper((worker, order) => sent.push({ ...order, worker })) };
}

const enter = (id: number, paths: string[], publish = false) =>
  ({ kind: 'enter', id, store: 's', paths: paths.map(storePath), publish }) as const;

test('a path is held by one worker at a time; one that dies lets go', async () => {
  const { keeper: lanes, sent } = keeper();
  lanes.received(1, enter(7, ['a']));
  lanes.received(2, enter(9, ['a']));
  await settled();
  expect(sent).toEqual([{ worker: 1, kind: 'entered', id: 7, shared: false }]);
  lanes.ended(1);
  await settled();
  expect(sent.at(-1)).toEqual({ worker: 2, kind: 'entered', id: 9, shared: false });
  lanes.received(2, { kind: 'leave', id: 9 });
  expect(lanes.held).toBe(0);
});

test('whoever has files open there is asked to publish first, told after, and not waited for once gone', async () => {
  const { keeper: lanes, sent } = keeper();
  lanes.received(1, { kind: 'opened', store: 's', path: storePath('d/a') });
  lanes.received(2, enter(1, ['d'], true));
  await settled();
  expect(sent).toMatchObject([{ worker: 1, kind: 'publish', paths: ['d'] }]);
  const [asked] = sent;
  if (asked?.kind !== 'publish') throw new Error('nobody was asked');
  lanes.received(1, { kind: 'done', order: asked.order });
  await settled();
  expect(sent.at(-1)).toEqual({ worker: 2, kind: 'entered', id: 1, shared: true });
  lanes.received(2, { kind: 'tell', id: 1, change: { kind: 'renamed', from: storePath('d'), to: storePath('e') } });
  await settled();
  expect(sent.at(-1)).toMatchObject({ worker: 1, kind: 'happened', change: { kind: 'renamed' } });
  lanes.ended(1);
  await settled();
  expect(sent.at(-1)).toEqual({ worker: 2, kind: 'told', id: 1 });
});

test('another store is another matter', async () => {
  const { keeper: lanes, sent } = keeper();
  lanes.received(1, enter(1, ['a']));
  lanes.received(2, { ...enter(1, ['a']), store: 'other' });
  await settled();
  expect(sent.map(({ worker }) => worker)).toEqual([1, 2]);
});
