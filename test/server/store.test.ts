import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describe, expect, test } from '@jest/globals';
import { configSchema } from '../../src/config/schema.ts';
import { openStore } from '../../src/server/store.ts';
import { s3Options } from '../../src/server/stores/s3.ts';
import { storeLine } from '../../src/telemetry/storage-lines.ts';

const S3 = { type: 's3', bucket: 'some-bucket', endpoint: 'http://127.0.0.1:1' } as const;

const parse = (storage: object) => {
  const parsed = configSchema.parse({ hostKeys: ['x'], storage: { ...S3, ...storage } }).storage;
  if (parsed.type !== 's3') throw new Error('not s3');
  return parsed;
};

/** Every leaf of an object, by its path. */
function leaves(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === 'object' && inner !== null ? leaves(inner, `${prefix}${key}.`) : [[prefix + key, inner]],
  );
}

describe('the S3 settings of a configuration', () => {
  test.each<[object, string, unknown]>([
    [{ prefix: 'a/' }, 'prefix', 'a/'],
    [{ region: 'eu-west-1' }, 'region', 'eu-west-1'],
    [{}, 'forcePathStyle', true],
    [{ forcePathStyle: false }, 'forcePathStyle', false],
    [{ credentials: { accessKeyId: 'A', secretAccessKey: 'B' } }, 'credentials.accessKeyId', 'A'],
    [{ requestChecksumCalculation: 'WHEN_SUPPORTED' }, 'requestChecksumCalculation', 'WHEN_SUPPORTED'],
    [{ responseChecksumValidation: 'WHEN_SUPPORTED' }, 'responseChecksumValidation', 'WHEN_SUPPORTED'],
    [{ partBytes: 6_000_000 }, 'partBytes', 6_000_000],
    [{ partsInFlight: 7 }, 'partsInFlight', 7],
    [{ uploadBudgetBytes: 100_000_000 }, 'uploadBudgetBytes', 100_000_000],
    [{ readAheadBytes: 300_000 }, 'readAhead.rangeBytes', 300_000],
    [{ readAheadInFlight: 5 }, 'readAhead.inFlight', 5],
    [{ readAheadBudgetBytes: 17_000_000 }, 'readAhead.budgetBytes', 17_000_000],
    [{ spoolDirectory: '/spool' }, 'spool.directory', '/spool'],
    [{ spoolMaxBytes: 67_108_864 }, 'spool.maxBytes', 67_108_864],
    [{ maxSparseBytes: 1000 }, 'maxSparseBytes', 1000],
    [{ partialUploads: 'discard' }, 'partialUploads', 'discard'],
    [{ setStat: 'refuse' }, 'setStat', 'refuse'],
    [{}, 'listTimes', 'stored'],
    [{ listTimes: 'upload' }, 'listTimes', 'upload'],
    [{ renameMaxEntries: 12 }, 'rename.maxEntries', 12],
    [{ renameConcurrency: 3 }, 'rename.concurrency', 3],
  ])('%j reaches the store', (storage, name, value) => {
    expect(new Map(leaves(s3Options(parse(storage), () => undefined))).get(name)).toEqual(value);
  });

  test('none is forgotten: each one that is set changes what the store is given', () => {
    const plain = JSON.stringify(s3Options(parse({}), () => undefined));
    const known = parse({});
    for (const [name, value] of Object.entries(known)) {
      if (typeof value !== 'number') continue;
      const changed = JSON.stringify(s3Options({ ...known, [name]: value + 1 }, () => undefined));
      if (changed === plain) throw new Error(`storage.${name} has no effect`);
    }
  });

  test('sizes that do not go together are a mistake of the configuration', async () => {
    const storage = parse({ partBytes: 64 * 1024 ** 2, uploadBudgetBytes: 16 * 1024 ** 2 });
    await expect(openStore(storage, 'file.json', { onEvent: () => undefined })).rejects.toMatchObject({
      name: 'ConfigError',
      file: 'file.json',
      jsonPath: '$.storage.uploadBudgetBytes',
    });
  });

  test('a spool directory that cannot be used is one too, and named', async () => {
    // A file, this one, where a directory should be.
    const spoolDirectory = fileURLToPath(import.meta.url);
    await expect(openStore(parse({ spoolDirectory }), 'file.json', { onEvent: () => undefined })).rejects.toMatchObject(
      {
        name: 'ConfigError',
        file: 'file.json',
        message: expect.stringContaining(spoolDirectory) as unknown,
      },
    );
  });
});

test("a store's problems are warnings, with what caused them; the rest is information", () => {
  const lines: Record<string, unknown>[] = [];
  const serializers = { err: pino.stdSerializers.err };
  const log = pino(
    { serializers },
    { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  storeLine(log, 'SWEEP_FAILED', { key: 'k', error: new Error('the cause') });
  storeLine(log, 'S3_GIVE_UP', { operation: 'PutObject' });
  storeLine(log, 'S3_RETRY', { operation: 'PutObject' });
  expect(lines).toMatchObject([
    { level: 40, event: 'storage.SWEEP_FAILED', key: 'k', err: { message: 'the cause' } },
    { level: 40, event: 'storage.S3_GIVE_UP', operation: 'PutObject' },
    { level: 30, event: 'storage.S3_RETRY' },
  ]);
});
