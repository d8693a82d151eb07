import { expect, test } from '@jest/globals';
import type { AssumedRole } from '../../../../src/storage/object-store.ts';
import { AssumeRoleError, type RoleCredentials } from '../../../../src/storage/s3/api/assume-role.ts';
import { RoleClients } from '../../../../src/storage/s3/role/role-clients.ts';
import { SessionCredentials } from '../../../../src/storage/s3/role/session-credentials.ts';
import { S3Connections } from '../../../../src/storage/s3/api/s3-client.ts';

const ROLE: AssumedRole = { arn: 'arn:aws:iam::1:role/a', sessionName: 'a@s', durationSeconds: 3600 };
const MINUTE = 60_000;

/** Credentials whose STS and whose clock the test has in its hands. */
class Bench {
  now = 1_000_000;
  calls = 0;
  /** Of what STS gives next. Milliseconds. */
  lastsMs = 60 * MINUTE;
  failure: Error | null = null;
  readonly events: string[] = [];
  readonly credentials = new SessionCredentials({
    role: ROLE,
    assume: async () => {
      this.calls += 1;
      const { calls, now, failure } = this;
      await Promise.resolve();
      if (failure !== null) throw failure;
      return {
        ...{ accessKeyId: `K${calls}`, secretAccessKey: 's', sessionToken: 't' },
        expiresAt: now + this.lastsMs,
      };
    },
    clock: { now: () => this.now },
    random: () => 0,
    events: (name) => this.events.push(name),
  });

  async id(): Promise<string> {
    return (await this.credentials.get()).credentials.accessKeyId;
  }

  async used(): Promise<RoleCredentials> {
    return (await this.credentials.get()).credentials;
  }
}

/** Whatever was begun by then has come to its end. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const down = new AssumeRoleError(false, 'ServiceUnavailable', 'STS AssumeRole: ServiceUnavailable');

test('all who wait are answered by one call, and all later ones from memory', async () => {
  const bench = new Bench();
  expect(new Set(await Promise.all(Array.from({ length: 50 }, () => bench.id())))).toEqual(new Set(['K1']));
  bench.now += 54 * MINUTE;
  expect(await bench.id()).toBe('K1');
  expect(bench.calls).toBe(1);
  expect(bench.events).toEqual(['ROLE_ASSUMED']);
});

test('new ones are asked for before the end, and nobody waits for them', async () => {
  const bench = new Bench();
  await bench.id();
  bench.now += 56 * MINUTE;
  expect(await Promise.all([bench.id(), bench.id()])).toEqual(['K1', 'K1']);
  await settled();
  expect(await bench.id()).toBe('K2');
  expect(bench.calls).toBe(2);
});

test('while STS fails the old ones are used to their end, and then nothing is', async () => {
  const bench = new Bench();
  await bench.id();
  bench.failure = down;
  bench.now += 56 * MINUTE;
  expect(await bench.id()).toBe('K1');
  await settled();
  bench.now += 3 * MINUTE;
  expect(await bench.id()).toBe('K1');
  await settled();
  bench.now += MINUTE / 2;
  await expect(bench.id()).rejects.toBe(down);
  bench.now += MINUTE;
  bench.failure = null;
  expect(await bench.id()).toBe('K5');
});

test('after a failure STS is asked again only after a pause, which doubles up to half a minute', async () => {
  const bench = new Bench();
  bench.failure = down;
  const pauses: number[] = [];
  for (let i = 0; i < 10; i += 1) {
    await expect(bench.id()).rejects.toBe(down);
    const [{ calls }, since] = [bench, bench.now];
    while (bench.calls === calls) {
      bench.now += 250;
      await expect(bench.id()).rejects.toBe(down);
    }
    pauses.push(bench.now - since);
  }
  expect(pauses.slice(0, 4)).toEqual([250, 500, 1000, 2000]);
  expect(Math.max(...pauses)).toBe(30_000);
  expect(bench.events).toHaveLength(bench.calls);
});

test('whatever STS says, they last no longer than was asked for, and what has ended is not used', async () => {
  const bench = new Bench();
  bench.lastsMs = 1000 * 60 * MINUTE;
  expect((await bench.credentials.get()).endsAt).toBe(bench.now + 60 * MINUTE - 30_000);
  const late = new Bench();
  late.lastsMs = -1;
  await expect(late.id()).rejects.toThrow(/have ended: do the clocks differ/);
});

test('what the store calls expired is replaced, once for all who say so, and not again and again', async () => {
  const bench = new Bench();
  const first = await bench.used();
  expect(bench.credentials.refused(first, true)).toBe(true);
  expect(await bench.id()).toBe('K2');
  // Another request that was signed with the old ones.
  expect(bench.credentials.refused(first, true)).toBe(true);
  expect(await bench.id()).toBe('K2');
  // A store whose clock is wrong calls everything expired.
  expect(bench.credentials.refused(await bench.used(), true)).toBe(false);
  expect(await bench.id()).toBe('K2');
  bench.now += 5000;
  expect(bench.credentials.refused(await bench.used(), true)).toBe(true);
  expect(await bench.id()).toBe('K3');
});

test('a refusal without a reason replaces only what is not new', async () => {
  const bench = new Bench();
  expect(bench.credentials.refused(await bench.used(), false)).toBe(false);
  expect(await bench.id()).toBe('K1');
  bench.now += MINUTE;
  expect(bench.credentials.refused(await bench.used(), false)).toBe(true);
  expect(await bench.id()).toBe('K2');
});

test('of many roles the clients that were used last are kept, each with its own credentials', async () => {
  const options = { region: 'us-east-1', maxSockets: 1, connectTimeoutMs: 1, idleTimeoutMs: 1 };
  const connections = new S3Connections(options);
  const clients = new RoleClients(connections);
  const signers = Array.from({ length: 200 }, () => clients.signerFor(new Bench().credentials));
  const made = signers.map(({ client }) => client);
  expect(new Set(made).size).toBe(200);
  expect(clients.size).toBe(128);
  expect(signers.at(-1)?.client).toBe(made.at(-1));
  expect(signers[0]?.client).not.toBe(made[0]);
  const bench = new Bench();
  const signer = clients.signerFor(bench.credentials);
  const keyOf = async (): Promise<string> => (await signer.client.config.credentials()).accessKeyId;
  expect(await keyOf()).toBe('K1');
  signer.renewCredentials(true);
  expect(await keyOf()).toBe('K2');
  connections.close();
});
