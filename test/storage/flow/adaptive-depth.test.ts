import { describe, expect, test } from '@jest/globals';
import { AdaptiveDepth } from '../../../src/storage/flow/adaptive-depth.ts';

const MIB = 1024 ** 2;

/** A store that needs a second for each request, and moves no more than so many at a time. */
class Way {
  readonly depth: AdaptiveDepth;
  /** Seconds. */
  elapsed = 0;
  readonly #atOnce: number;

  constructor(start: number, atOnce: number) {
    this.#atOnce = atOnce;
    this.depth = new AdaptiveDepth(start, () => this.elapsed * 1000);
  }

  /** Requests that end, by a reader or writer who waits for each; answers the depths that there were. */
  run(requests: number, { waits = true, bytes = MIB / 2 } = {}): Set<number> {
    const seen = new Set<number>();
    for (let i = 0; i < requests; i += 1) {
      if (waits) this.depth.waited();
      this.elapsed += 1 / Math.min(this.depth.depth, this.#atOnce);
      this.depth.done(bytes);
      seen.add(this.depth.depth);
    }
    return seen;
  }
}

describe('the depth of a transfer', () => {
  test('doubles while that makes it faster, up to four times where it began', () => {
    const way = new Way(4, 1000);
    way.run(200);
    expect(way.depth.depth).toBe(16);
  });

  test('goes back to what was enough, and tries again later', () => {
    const way = new Way(4, 4);
    expect([...way.run(12)]).toEqual([4, 8]);
    way.run(8);
    expect(way.depth.depth).toBe(4);
    expect([...way.run(40)]).toEqual([4]);
    expect(way.run(200).has(8)).toBe(true);
    expect(way.run(2000).has(16)).toBe(false);
  });

  test('grows no further than 48 MiB in flight, and goes back where requests become larger', () => {
    const way = new Way(4, 1000);
    way.run(200, { bytes: 8 * MIB });
    expect(way.depth.depth).toBe(6);
    way.run(200, { bytes: MIB });
    expect(way.depth.depth).toBe(16);
    // Those that are counted with smaller ones before are worth a round more.
    way.run(64, { bytes: 4 * MIB });
    expect(way.depth.depth).toBe(12);
    way.run(48, { bytes: 64 * MIB });
    expect(way.depth.depth).toBe(4);
  });

  test('stays where nobody waits for the store', () => {
    expect([...new Way(4, 1000).run(200, { waits: false })]).toEqual([4]);
  });

  test('is one where one is configured, and never more than 64 but where that is configured', () => {
    expect([...new Way(1, 1000).run(200)]).toEqual([1]);
    const many = new Way(32, 1000);
    many.run(2000);
    expect(many.depth.depth).toBe(64);
    expect([...new Way(100, 1000).run(500)]).toEqual([100]);
  });
});
