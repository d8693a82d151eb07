import { describe, expect, test } from '@jest/globals';
import { SameBytes } from '../../../../src/storage/s3/api/same-bytes.ts';

const version = (key: string, etag: string) => ({ key, etag });

describe('where the bytes of a version are', () => {
  test('through other attributes and other names', () => {
    const same = new SameBytes();
    expect(same.latest(version('a', '"1"'))).toEqual(version('a', '"1"'));
    same.note(version('a', '"1"'), version('a', '"2"'));
    same.note(version('a', '2'), version('b', '"2"'));
    expect(same.latest(version('a', '1'))).toEqual(version('b', '"2"'));
    expect(same.latest(version('c', '1'))).toEqual(version('c', '1'));
  });

  test('a file that comes back to its name is found there, and no question goes on for ever', () => {
    const same = new SameBytes();
    same.note(version('a', '1'), version('b', '1'));
    same.note(version('b', '1'), version('a', '1'));
    expect(same.latest(version('a', '1'))).toEqual(version('a', '1'));
    expect(same.latest(version('b', '1'))).toEqual(version('a', '1'));
    same.note(version('a', '1'), version('c', '1'));
    expect(same.latest(version('b', '1'))).toEqual(version('c', '1'));
  });

  test('what another process has put back under its name is there, and not where it was moved before', () => {
    const same = new SameBytes();
    same.note(version('b', '1'), version('a', '1'));
    const look = same.look('b');
    expect(same.latest(version('b', '1'))).toEqual(version('a', '1'));
    same.seen(version('b', '"1"'), look);
    expect(same.latest(version('b', '1'))).toEqual(version('b', '1'));
  });

  test('a look that began before a move, or during it, tells nothing of what came of it', async () => {
    const same = new SameBytes();
    const before = same.look('b');
    let during = before;
    await same.during('b', async () => {
      same.note(version('b', '1'), version('a', '1'));
      await Promise.resolve();
      during = same.look('b');
    });
    same.seen(version('b', '1'), before);
    expect(during).toBeUndefined();
    same.seen(version('b', '1'), during);
    expect(same.latest(version('b', '1'))).toEqual(version('a', '1'));
  });

  test('counts changes that leave the ETag as it is', () => {
    const same = new SameBytes();
    const before = same.changeOf('a');
    same.note(version('a', '1'), version('a', '1'));
    expect(same.changeOf('a')).not.toBe(before);
    expect(same.latest(version('a', '1'))).toEqual(version('a', '1'));
  });

  test('who finds a version gone waits for the copies under way', async () => {
    const same = new SameBytes();
    let end: () => void = () => undefined;
    const copy = same.during('a', async () => new Promise<void>((resolve) => (end = resolve)));
    let settled = false;
    const waiting = same.settled('a').then(() => (settled = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    end();
    await Promise.all([copy, waiting]);
    await same.settled('a');
  });
});
