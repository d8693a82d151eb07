// A look that is sent along with the request for a claim counts only where nobody can have changed the name since.
import { describe, expect, test } from '@jest/globals';
import type { ClaimObjects } from '../../../src/storage/s3/claims/claim-objects.ts';
import { systemClock } from '../../../src/storage/flow/clock.ts';
import { LINGER_MS, LOOK_AHEAD_MS, NameClaims } from '../../../src/storage/s3/claims/name-claims.ts';
import { KeySpace } from '../../../src/storage/s3/mapping/keys.ts';
import { storePath } from '../store-path.ts';

type Taken = { readonly etag: string; readonly wasFree: boolean } | undefined;

/** Claims that are answered with what `takes` says in turn, each after `onTake`. */
function claimsOf(takes: readonly Taken[], onTake: () => void = () => undefined) {
  const rest = [...takes];
  const released: number[] = [];
  const clock = { ...systemClock, ahead: 0, now: () => Date.now() + clock.ahead, delay: async () => Promise.resolve() };
  const objects = {
    supported: async () => Promise.resolve(true),
    take: async () => {
      onTake();
      return Promise.resolve(rest.shift());
    },
    renew: async () => Promise.resolve(undefined),
    release: async () => {
      released.push(performance.now());
      return Promise.resolve();
    },
  } as unknown as ClaimObjects;
  const options = { clock, random: () => 0, events: () => undefined, leaseMs: 15_000 };
  const claims = new NameClaims({ claims: objects, keys: new KeySpace(''), ...options });
  return { claims, clock, released };
}

const FREE: Taken = { etag: 'e', wasFree: true };

describe('a look along with a claim', () => {
  /** What the task was given, of looks that are counted. */
  async function seen(claims: NameClaims): Promise<number> {
    let looks = 0;
    return claims.holdWithLook(
      storePath('f'),
      async () => Promise.resolve((looks += 1)),
      async (count) => Promise.resolve(count),
    );
  }

  test('is enough where the claim was free', async () => {
    expect(await seen(claimsOf([FREE]).claims)).toBe(1);
  });

  test('is repeated where another process had the claim', async () => {
    expect(await seen(claimsOf([undefined, FREE]).claims)).toBe(2);
  });

  test('is repeated where the claim of a process that died was taken over', async () => {
    expect(await seen(claimsOf([{ etag: 'e', wasFree: false }]).claims)).toBe(2);
  });

  test('is repeated where the claim came late', async () => {
    const { claims, clock } = claimsOf([FREE], () => {
      clock.ahead += LOOK_AHEAD_MS + 1;
    });
    expect(await seen(claims)).toBe(2);
  });

  test('may fail where it is not what counts', async () => {
    let looks = 0;
    const { claims } = claimsOf([undefined, FREE]);
    const look = async (): Promise<string> => {
      looks += 1;
      return looks === 1 ? Promise.reject(new Error('too early')) : Promise.resolve('there');
    };
    expect(await claims.holdWithLook(storePath('f'), look, async (found) => Promise.resolve(found))).toBe('there');
  });

  test('counts on it that no claim is released before its time, not even at the end', async () => {
    const { claims, released, clock } = claimsOf([FREE]);
    let used = 0;
    await claims.hold([storePath('f')], async () => {
      used = performance.now();
      return Promise.resolve();
    });
    // The wall clock may be set.
    clock.ahead = 60_000;
    await claims.close();
    expect(released).toHaveLength(1);
    expect((released[0] ?? 0) - used).toBeGreaterThanOrEqual(LINGER_MS);
  });
});
