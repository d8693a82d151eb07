import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AttributeMemory } from '../../../../src/storage/s3/api/attribute-memory.ts';
import { systemClock } from '../../../../src/storage/flow/clock.ts';
import { ObjectApi } from '../../../../src/storage/s3/api/object-api.ts';
import { Requester } from '../../../../src/storage/s3/api/requester.ts';
import { DEFAULT_RETRY } from '../../../../src/storage/s3/api/retry.ts';
import { S3Connections } from '../../../../src/storage/s3/api/s3-client.ts';

const ETAG = '"e"';

const LATER = { storeTime: () => 1_000_000, isHidden: (key: string) => key.startsWith('hidden/') };

describe('the memory of attributes', () => {
  test('keeps only what was stored long enough ago to be told from another version of the same second', () => {
    let now = 100_000;
    const memory = new AttributeMemory({ ...LATER, storeTime: () => now });
    memory.learn('k', ETAG, 99, { mtime: '5' });
    expect(memory.find('k', ETAG, 99)).toBeUndefined();
    now = 102_000;
    memory.learn('k', ETAG, 99, { mtime: '5' });
    expect(memory.find('k', ETAG, 99)).toEqual({ mtime: '5' });
    expect(memory.find('k', ETAG, 100)).toBeUndefined();
  });

  test('keeps that there is nothing to show, and nothing of what no listing shows', () => {
    const memory = new AttributeMemory(LATER);
    memory.learn('k', ETAG, 1, { note: 'x' });
    expect(memory.find('k', ETAG, 1)).toEqual({});
    memory.learn('hidden/k', ETAG, 1, { mtime: '5' });
    expect(memory.usage.entries).toBe(1);
  });

  test('keeps of metadata only what listings show', () => {
    const memory = new AttributeMemory(LATER);
    memory.learn('k', ETAG, 1, { mtime: '5', note: 'x'.repeat(2000), 'latticeport-upload': 'tag' });
    expect(memory.find('k', ETAG, 1)).toEqual({ mtime: '5' });
    // No time has so many digits: it is not ours, and not worth the room.
    memory.learn('k', ETAG, 1, { mtime: '5'.repeat(2000) });
    expect(memory.find('k', ETAG, 1)).toEqual({});
    memory.forget('k');
    expect(memory.usage).toEqual({ entries: 0, bytes: 0 });
  });

  test('is bounded by bytes, however long the keys are, and the oldest go first', () => {
    const memory = new AttributeMemory(LATER);
    const key = (i: number) => `${i}-`.padEnd(1024, 'k');
    for (let i = 0; i < 40_000; i += 1) memory.learn(key(i), ETAG, 1, { mtime: '5' });
    expect(memory.usage.bytes).toBeLessThanOrEqual(64 * 1024 ** 2);
    expect(memory.usage.entries).toBeGreaterThan(20_000);
    expect(memory.find(key(39_999), ETAG, 1)).toEqual({ mtime: '5' });
    expect(memory.find(key(0), ETAG, 1)).toBeUndefined();
    for (let i = 0; i < 40_000; i += 1) memory.forget(key(i));
    expect(memory.usage).toEqual({ entries: 0, bytes: 0 });
  });

  test('holds 100,000 objects with keys of a usual length', () => {
    const memory = new AttributeMemory(LATER);
    for (let i = 0; i < 120_000; i += 1) {
      memory.learn(`home/user/directory/report-${i}.csv`, `"${'e'.repeat(32)}"`, 1, { mtime: '1700000000.123456789' });
    }
    expect(memory.usage.entries).toBe(100_000);
  });
});

describe('requests', () => {
  let server: Server;
  let connections: S3Connections;
  let memory: AttributeMemory;
  let objects: ObjectApi;
  let status = 204;

  beforeEach(async () => {
    status = 204;
    server = createServer((request, response) => {
      request.resume();
      request.once('end', () => {
        const body = request.url?.includes('delete') === true ? '<DeleteResult></DeleteResult>' : undefined;
        response.writeHead(body === undefined ? status : 200).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    connections = new S3Connections({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      forcePathStyle: true,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      maxSockets: 2,
      connectTimeoutMs: 30_000,
      idleTimeoutMs: 30_000,
    });
    memory = new AttributeMemory(LATER);
    const requester = new Requester('b', {
      ...DEFAULT_RETRY,
      attempts: 1,
      clock: systemClock,
      random: () => 0,
      events: () => undefined,
      renewCredentials: () => undefined,
      client: () => connections.client,
    });
    objects = new ObjectApi(requester, {}, memory);
    memory.learn('k', ETAG, 1, { mtime: '5' });
    expect(memory.usage.entries).toBe(1);
  });
  afterEach(async () => {
    connections.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test.each<[string, (api: ObjectApi) => Promise<unknown>]>([
    ['delete', async (api) => api.delete('k')],
    ['the deletion of a version', async (api) => api.deleteVersion('k', ETAG)],
    ['the deletion of many versions', async (api) => api.deleteVersions([{ key: 'k', etag: ETAG }])],
    ['an overwrite', async (api) => api.put('k', Buffer.alloc(0), { metadata: {} }, { exclusive: false })],
  ])('%s makes the memory forget the object', async (_, act) => {
    await act(objects);
    expect(memory.usage).toEqual({ entries: 0, bytes: 0 });
  });

  test('a delete of what is gone already does too, and one that is refused does not', async () => {
    status = 403;
    await expect(objects.delete('k')).rejects.toMatchObject({ code: 'permission-denied' });
    expect(memory.usage.entries).toBe(1);
    status = 404;
    await objects.delete('k');
    expect(memory.usage.entries).toBe(0);
  });
});
