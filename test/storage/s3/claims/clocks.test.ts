// Claims where the clock of this machine is wrong, or is set.
import { describe, expect, test } from '@jest/globals';
import { StorageError } from '../../../../src/storage/object-store.ts';
import type { Clock } from '../../../../src/storage/flow/clock.ts';
import type { ObjectApi } from '../../../../src/storage/s3/api/object-api.ts';
import type { ObjectInfo } from '../../../../src/storage/s3/api/object-info.ts';
import { ClaimObjects } from '../../../../src/storage/s3/claims/claim-objects.ts';
import { NameClaims } from '../../../../src/storage/s3/claims/name-claims.ts';
import { KeySpace } from '../../../../src/storage/s3/mapping/keys.ts';
import { storePath } from '../../store-path.ts';

const LEASE_MS = 15_000;
const MINUTE_MS = 60_000;
const EPOCH_MS = 1_800_000_000_000;
const keys = new KeySpace('home');

/** Time goes on for both clocks, and only one of them can be set. */
class SetClock implements Clock {
  #passed = 0;
  /** What somebody has set it ahead or back by. */
  set = 0;

  pass(milliseconds: number): void {
    this.#passed += milliseconds;
  }
  now(): number {
    return EPOCH_MS + this.#passed + this.set;
  }
  /** What it should be. */
  right(): number {
    return EPOCH_MS + this.#passed;
  }
  monotonic(): number {
    return this.#passed;
  }
  async delay(milliseconds: number): Promise<void> {
    this.pass(milliseconds);
    return Promise.resolve();
  }
}

describe('whether the claim of another machine is given up', () => {
  const judge = (clock: SetClock) =>
    new ClaimObjects({
      objects: {} as unknown as ObjectApi,
      ...{ keys, clock, events: () => undefined, leaseMs: LEASE_MS, storeTime: () => clock.right() },
    });
  const owner = Buffer.from(JSON.stringify({ host: 'another machine', pid: 1, start: '1' })).toString('base64');
  const madeAt = (milliseconds: number) =>
    ({
      ...{ key: 'home/.latticeport/claims/=f', etag: '"1"', lastModified: milliseconds / 1000 },
      properties: { metadata: { 'latticeport-owner': owner } },
    }) as unknown as ObjectInfo;

  test('is not told from a clock that is an hour fast', () => {
    const clock = new SetClock();
    clock.set = 60 * MINUTE_MS;
    expect(judge(clock).isStale(madeAt(clock.right()))).toBe(false);
  });

  test('nor from a clock that is set while we wait', () => {
    const clock = new SetClock();
    const judged = judge(clock);
    const claim = madeAt(clock.right());
    expect(judged.isStale(claim)).toBe(false);
    clock.set = 10 * MINUTE_MS;
    clock.pass(1_000);
    expect(judged.isStale(claim)).toBe(false);
    clock.pass(LEASE_MS);
    expect(judged.isStale(claim)).toBe(true);
  });

  test('is known at once by the store’s clock where it is long past, however slow ours is', () => {
    const clock = new SetClock();
    clock.set = -60 * MINUTE_MS;
    expect(judge(clock).isStale(madeAt(clock.right() - 16 * MINUTE_MS))).toBe(true);
  });
});

describe('a claim of this process', () => {
  const open = (clock: SetClock) => {
    const asked: string[] = [];
    const claims = {
      supported: async () => Promise.resolve(true),
      take: async () => {
        asked.push('take');
        return Promise.resolve({ etag: '"1"', wasFree: true });
      },
      renew: async () => {
        asked.push('renew');
        return Promise.resolve('"2"');
      },
      release: async (versions: readonly { readonly etag: string }[]) => {
        asked.push(...versions.map(({ etag }) => `release ${etag}`));
        return Promise.resolve();
      },
    } as unknown as ClaimObjects;
    const names = new NameClaims({ claims, keys, clock, random: () => 0, events: () => undefined, leaseMs: LEASE_MS });
    return { names, asked };
  };

  test.each([
    ['is put back by an hour and the lease is over', -60 * MINUTE_MS, LEASE_MS],
    ['is put back by just the time that has passed', -LEASE_MS, LEASE_MS],
    ['says that an hour has passed, as after a sleep of the machine', 60 * MINUTE_MS, 0],
  ])('is not believed in where the clock %s', async (_, set, passed) => {
    const clock = new SetClock();
    const { names, asked } = open(clock);
    await names.hold([storePath('f')], async (held) => {
      held.check();
      clock.set = set;
      clock.pass(passed);
      expect(() => {
        held.check();
      }).toThrow(StorageError);
      return Promise.resolve();
    });
    // It is asked for anew before the next task.
    await names.hold([storePath('f')], async (held) => {
      held.check();
      return Promise.resolve();
    });
    expect(asked).toEqual(['take', 'renew']);
    await names.close();
    expect(asked).toEqual(['take', 'renew', 'release "2"']);
  });

  test('is not left behind where the clock is set before its end: if nobody has it, it is renewed and deleted', async () => {
    const clock = new SetClock();
    const { names, asked } = open(clock);
    await names.hold([storePath('f')], async () => Promise.resolve());
    clock.set = -60 * MINUTE_MS;
    await names.close();
    expect(asked).toEqual(['take', 'renew', 'release "2"']);
  });
});
