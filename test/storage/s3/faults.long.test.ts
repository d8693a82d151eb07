// A store behind a proxy that breaks one request after the other. Whatever breaks, the object is the whole old or the
// whole new one, what was acknowledged is there, and nothing is left: no upload, memory, spool file or connection.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { GetObjectCommand, NoSuchKey, PutObjectCommand } from '@aws-sdk/client-s3';
import { StorageError } from '../../../src/storage/object-store.ts';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { pattern, readToEnd, writeOptions } from '../contract/store-driver.ts';
import { FaultProxy, type Fault, type SeenRequest } from '../fault-proxy/fault-proxy.ts';
import { servers, TestBucket } from './s3-server.ts';
import { storePath } from '../store-path.ts';

const PART = 5 * 1024 ** 2;
const endpoint = servers.find(({ name }) => name === 'radosgw')?.endpoint;
const describeWithServer = endpoint === undefined ? describe.skip : describe;

/** Faults after which a client that tries again must succeed. */
const PASSING: readonly Fault[] = [
  { kind: 'refuse', status: 503, code: 'SlowDown' },
  { kind: 'refuse', status: 500, code: 'InternalError' },
  { kind: 'refuse', status: 400, code: 'ExpiredToken' },
  { kind: 'refuse', status: 403, code: 'RequestTimeTooSkewed' },
  { kind: 'reset-before' },
  { kind: 'reset-during' },
  { kind: 'reset-after' },
  { kind: 'cut-answer', bytes: 10 },
  { kind: 'delay', milliseconds: 30 },
  { kind: 'corrupt' },
];

/** Faults that may end the operation, but only with an error. */
const ENDING: readonly Fault[] = [
  { kind: 'refuse', status: 403, code: 'AccessDenied' },
  { kind: 'refuse', status: 404, code: 'NoSuchUpload' },
  { kind: 'refuse', status: 301, code: 'PermanentRedirect' },
  { kind: 'other-etag' },
];

const OLD = pattern(70_000, 1);
/** Two parts, the second one short. */
const NEW = pattern(PART + 123_456, 2);

function digest(bytes: Buffer | undefined): string {
  return bytes === undefined ? 'nothing' : createHash('sha256').update(bytes).digest('hex');
}

interface Scenario {
  readonly name: string;
  /** Object keys before; everything is under the prefix `home/`. */
  readonly before: Readonly<Record<string, Buffer>>;
  /** Does the work; rejects where the store reports an error. */
  run(store: S3Store): Promise<void>;
  /** Objects after success. */
  readonly after: Readonly<Record<string, Buffer>>;
  /** Whether the found objects are allowed after an error. */
  readonly allowed: (found: ReadonlyMap<string, string>) => boolean;
}

async function upload(store: S3Store, path: string, bytes: Buffer, from = 0): Promise<void> {
  const handle = await store.openWrite(storePath(path), writeOptions({ truncate: from === 0 }));
  try {
    for (let at = from; at < bytes.length; at += 1024 ** 2) {
      await handle.write(at, [Buffer.from(bytes.subarray(at, at + 1024 ** 2))]);
    }
    await handle.close();
  } catch (error) {
    await handle.abandon({ discard: true });
    throw error;
  }
}

const SMALL = pattern(20_000, 3);
const TREE = { 'home/from/a': pattern(10, 4), 'home/from/b': pattern(20, 5), 'home/from/sub/c': pattern(30, 6) };
const oneOf =
  (key: string, ...versions: (Buffer | undefined)[]) =>
  (found: ReadonlyMap<string, string>): boolean =>
    versions.map(digest).includes(found.get(key) ?? 'nothing');

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a small upload',
    before: { 'home/f': OLD },
    run: async (store) => upload(store, 'f', SMALL),
    after: { 'home/f': SMALL },
    allowed: oneOf('home/f', OLD, SMALL),
  },
  {
    name: 'a small exclusive upload',
    before: {},
    run: async (store) => {
      const handle = await store.openWrite(storePath('f'), writeOptions({ exclusive: true }));
      try {
        await handle.write(0, [Buffer.from(SMALL)]);
        await handle.close();
      } catch (error) {
        await handle.abandon({ discard: true });
        throw error;
      }
    },
    after: { 'home/f': SMALL },
    allowed: oneOf('home/f', undefined, SMALL),
  },
  {
    name: 'an upload in parts',
    before: { 'home/f': OLD },
    run: async (store) => upload(store, 'f', NEW),
    after: { 'home/f': NEW },
    allowed: oneOf('home/f', OLD, NEW),
  },
  {
    name: 'a resumed upload',
    before: { 'home/f': NEW.subarray(0, PART + 1000) },
    run: async (store) => upload(store, 'f', NEW, PART + 1000),
    after: { 'home/f': NEW },
    allowed: oneOf('home/f', NEW.subarray(0, PART + 1000), NEW),
  },
  {
    name: 'an upload whose first part is changed last',
    before: { 'home/f': OLD },
    run: async (store) => {
      const handle = await store.openWrite(storePath('f'), writeOptions());
      try {
        await handle.write(0, [Buffer.alloc(10)]);
        for (let at = 10; at < NEW.length; at += 1024 ** 2) {
          await handle.write(at, [Buffer.from(NEW.subarray(at, at + 1024 ** 2))]);
        }
        await handle.write(0, [Buffer.from(NEW.subarray(0, 10))]);
        await handle.close();
      } catch (error) {
        await handle.abandon({ discard: true });
        throw error;
      }
    },
    after: { 'home/f': NEW },
    allowed: oneOf('home/f', OLD, NEW),
  },
  {
    name: 'a change of size by path',
    before: { 'home/f': SMALL },
    run: async (store) => store.truncate(storePath('f'), 1000),
    after: { 'home/f': SMALL.subarray(0, 1000) },
    allowed: oneOf('home/f', SMALL, SMALL.subarray(0, 1000)),
  },
  {
    name: 'a download',
    before: { 'home/f': NEW },
    run: async (store) => {
      const handle = await store.openRead(storePath('f'));
      try {
        expect(digest(await readToEnd(handle))).toBe(digest(NEW));
      } finally {
        await handle.close();
      }
    },
    after: { 'home/f': NEW },
    allowed: oneOf('home/f', NEW),
  },
  {
    name: 'a new directory',
    before: {},
    run: async (store) => store.mkdir(storePath('d'), { mode: 0o750 }),
    after: { 'home/d/': Buffer.alloc(0) },
    allowed: oneOf('home/d/', undefined, Buffer.alloc(0)),
  },
  {
    name: 'the rename of a file',
    before: { 'home/f': OLD, 'home/g': SMALL },
    run: async (store) => store.rename(storePath('f'), storePath('g'), { overwrite: true }),
    after: { 'home/g': OLD },
    allowed: (found) => oneOf('home/g', OLD, SMALL)(found) && [...found.values()].includes(digest(OLD)),
  },
  {
    name: 'the rename of a directory',
    before: TREE,
    run: async (store) => store.rename(storePath('from'), storePath('to'), { overwrite: false }),
    // The directory has its marker then, if it had none before.
    after: {
      'home/to/': Buffer.alloc(0),
      ...Object.fromEntries(Object.entries(TREE).map(([key, bytes]) => [key.replace('from', 'to'), bytes])),
    },
    allowed: (found) =>
      Object.entries(TREE).every(([key, bytes]) =>
        [key, key.replace('from', 'to')].some((place) => found.get(place) === digest(bytes)),
      ),
  },
];

describeWithServer('s3 that misbehaves', () => {
  let bucket: TestBucket;
  let proxy: FaultProxy;

  beforeAll(async () => {
    bucket = await TestBucket.create(endpoint ?? '');
    proxy = await FaultProxy.start(endpoint ?? '');
  });
  afterAll(async () => {
    await proxy.stop();
    await bucket.destroy();
  });
  beforeEach(() => {
    proxy.reset();
  });

  const put = async (key: string, bytes: Buffer) =>
    bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: bytes }));

  const get = async (key: string): Promise<Buffer | undefined> => {
    try {
      const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: bucket.name, Key: key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  };

  const openStore = async (events: [string, Readonly<Record<string, unknown>>][] = []) =>
    S3Store.open(
      bucket.options({
        endpoint: proxy.endpoint,
        prefix: 'home',
        partBytes: PART,
        idleTimeoutMs: 1_000,
        retry: { attempts: 4, deadlineMs: 10_000, baseDelayMs: 1, maxDelayMs: 4 },
        events: (event, fields) => events.push([event, fields]),
      }),
    );

  /** One run of the scenario under `decide`; answers the error of the run, after all invariants were checked. */
  const runOnce = async (
    scenario: Scenario,
    decide: (request: SeenRequest) => Fault | undefined,
  ): Promise<{ readonly error: unknown; readonly seen: readonly SeenRequest[] }> => {
    for (const key of await bucket.keys()) if (!(key in scenario.before)) await remove(key);
    for (const [key, bytes] of Object.entries(scenario.before)) await put(key, bytes);
    proxy.reset();
    const store = await openStore();
    let error: unknown;
    try {
      // The sweep at start is not what is tested here.
      await store.sweep();
      proxy.reset();
      proxy.decide = decide;
      try {
        await scenario.run(store);
      } catch (thrown) {
        error = thrown;
      }
      const seen = [...proxy.seen];
      proxy.reset();
      // What could not be ended while the store was away or refused is ended by the next sweep.
      await store.sweep();
      const found = new Map<string, string>();
      for (const key of await bucket.keys()) {
        if (!key.includes('.latticeport')) found.set(key, digest(await get(key)));
      }
      if (error === undefined) {
        const wanted = Object.entries(scenario.after).map(([key, bytes]) => [key, digest(bytes)]);
        expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
      } else {
        expect(error).toBeInstanceOf(StorageError);
        expect((error as StorageError).message).not.toContain(bucket.name);
        expect({ found: Object.fromEntries(found), allowed: scenario.allowed(found) }).toMatchObject({ allowed: true });
      }
      expect(await bucket.uploads()).toEqual([]);
      expect(store.usage()).toMatchObject({
        uploadBytes: 0,
        spoolFiles: 0,
        spoolBytes: 0,
        openWrites: 0,
        readBytes: 0,
        openReads: 0,
      });
      return { error, seen };
    } finally {
      await store.close();
      await connectionsClosed();
      expect((await bucket.keys()).filter((key) => /\/(uploads|kept)\//.test(key))).toEqual([]);
    }
  };

  const remove = async (key: string) => {
    const { DeleteObjectCommand } = await import('@aws-sdk/client-s3');
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key }));
  };

  const connectionsClosed = async () => {
    const deadline = Date.now() + 20_000;
    while (proxy.connections > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(proxy.connections).toBe(0);
  };

  test.each([
    ['an upload in parts', 'UploadPart'],
    ['an upload in parts', 'CompleteMultipartUpload'],
    ['a small upload', 'PutObject'],
    ['a new directory', 'PutObject'],
    ['the rename of a file', 'HeadObject'],
    ['a download', 'GetObject'],
    ['the rename of a file', 'CopyObject'],
  ])('%s succeeds although %s is never answered', async (name, operation) => {
    const scenario = SCENARIOS.find((candidate) => candidate.name === name);
    if (scenario === undefined) throw new Error(name);
    let stalled = false;
    const { error } = await runOnce(scenario, (request) => {
      if (stalled || request.operation !== operation) return undefined;
      stalled = true;
      return { kind: 'stall' };
    });
    expect({ stalled, error }).toEqual({ stalled: true, error: undefined });
  });

  test('a download goes on where the answer broke off, without asking again for what came', async () => {
    const bytes = pattern(3 * 1024 ** 2, 9);
    await put('home/f', bytes);
    const store = await openStore();
    const ranges: string[] = [];
    proxy.decide = ({ operation }) => {
      if (operation === 'GetObject') ranges.push(operation);
      return ranges.length <= 2 ? { kind: 'cut-answer', bytes: 100_000 } : undefined;
    };
    const handle = await store.openRead(storePath('f'));
    expect(digest(await readToEnd(handle))).toBe(digest(bytes));
    await handle.close();
    await store.close();
    // Those of the open, of two windows, and two that go on.
    expect(ranges.length).toBeLessThanOrEqual(5);
  });

  test('each retry and each end of patience is an event, with the reason', async () => {
    await put('home/f', SMALL);
    const events: [string, Readonly<Record<string, unknown>>][] = [];
    const store = await openStore(events);
    await store.sweep();
    proxy.decide = () => ({ kind: 'refuse', status: 503, code: 'SlowDown' });
    await expect(store.openWrite(storePath('f'), writeOptions())).rejects.toMatchObject({
      code: 'unavailable',
      message: 'The storage is overloaded; please try again later.',
    });
    proxy.reset();
    await store.close();
    const retries = events.filter(([event]) => event === 'S3_RETRY').map(([, fields]) => fields);
    expect(retries[0]).toMatchObject({ attempt: 1, reason: expect.stringMatching(/SlowDown|Unknown/), status: 503 });
    expect(events.find(([event]) => event === 'S3_GIVE_UP')?.[1]).toMatchObject({ attempts: 4, status: 503 });
  });

  test('an upload that cannot be completed is ended before the file that was there is put back', async () => {
    await put('home/f', OLD);
    const store = await openStore();
    await store.sweep();
    let completed = -1;
    proxy.decide = ({ operation, index }) => {
      if (operation !== 'CompleteMultipartUpload') return undefined;
      completed = index;
      return { kind: 'refuse', status: 403, code: 'AccessDenied' };
    };
    const handle = await store.openWrite(storePath('f'), writeOptions());
    await handle.write(0, [Buffer.from(NEW)]);
    await handle.write(0, [Buffer.from('header')]);
    await expect(handle.close()).rejects.toMatchObject({ code: 'permission-denied' });
    const after = proxy.seen.filter(({ index }) => index > completed).map(({ operation }) => operation);
    expect(after[0]).toBe('AbortMultipartUpload');
    expect(after).toContain('HeadObject');
    expect(digest(await get('home/f'))).toBe(digest(OLD));
    proxy.reset();
    await store.close();
  });

  for (const scenario of SCENARIOS) {
    describe(scenario.name, () => {
      let requests: readonly SeenRequest[] = [];

      test('succeeds when nothing is wrong', async () => {
        const { error, seen } = await runOnce(scenario, () => undefined);
        expect(error).toBeUndefined();
        requests = seen;
      });

      test('succeeds whatever passing trouble any one request meets', async () => {
        for (const [request, fault] of combinations(requests, PASSING)) {
          const { error } = await runOnce(scenario, ({ index }) => (index === request.index ? fault : undefined));
          const detail = error instanceof StorageError ? (error.detail ?? error.message) : error;
          const where = `${request.index} ${request.operation} ${describeFault(fault)}`;
          expect({ where, detail }).toEqual({ where, detail: undefined });
        }
      }, 300_000);

      test('stays whole whatever refusal or lie any one request meets', async () => {
        for (const [request, fault] of combinations(requests, ENDING)) {
          // A store that says of an object that it is not there is believed.
          if ('status' in fault && fault.status === 404 && !request.url.includes('uploadId=')) continue;
          await runOnce(scenario, ({ index }) => (index === request.index ? fault : undefined));
        }
      }, 300_000);

      test('stays whole although the store dies at any request, and nothing is left once it is back', async () => {
        for (const { index } of requests) {
          await runOnce(scenario, (request) => {
            if (request.index < index) return undefined;
            proxy.down = true;
            return { kind: 'reset-before' };
          });
        }
      }, 300_000);
    });
  }
});

/** Every fault at every request takes many minutes: without it each request meets two of them, in turn. */
const ALL = process.env['LATTICEPORT_FAULTS'] === 'all';

function combinations(requests: readonly SeenRequest[], faults: readonly Fault[]): [SeenRequest, Fault][] {
  return requests.flatMap((request, index) => {
    const chosen = ALL ? faults : [0, 1].flatMap((k) => faults[(2 * index + k) % faults.length] ?? []);
    return chosen.map((fault): [SeenRequest, Fault] => [request, fault]);
  });
}

function describeFault(fault: Fault): string {
  return 'code' in fault ? `${fault.kind} ${fault.code}` : fault.kind;
}
