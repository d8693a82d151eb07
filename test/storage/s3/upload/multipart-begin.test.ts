// Parts of a multipart upload that come while it is begun.
import { describe, expect, test } from '@jest/globals';
import { StorageError } from '../../../../src/storage/object-store.ts';
import { MultipartUpload, type MultipartContext } from '../../../../src/storage/s3/upload/multipart.ts';

const BODY = Buffer.alloc(10);
const OBJECT = { key: 'f', properties: { metadata: {} }, tag: 'tag' };

/** A store that begins an upload when it is told to, and notes what it is asked for. */
function storeOf(partsInFlight = 2) {
  const asked: string[] = [];
  let answer: { readonly begin: () => void; readonly refuse: (error: Error) => void } | undefined;
  const created = new Promise<{ key: string; uploadId: string }>((resolve, reject) => {
    answer = {
      begin: () => {
        resolve({ key: 'f', uploadId: 'id' });
      },
      refuse: reject,
    };
  });
  const note = async <T>(what: string, result: T): Promise<T> => {
    asked.push(what);
    return Promise.resolve(result);
  };
  const context = {
    partsInFlight,
    buffers: { isScarce: true },
    clock: { now: () => 0, monotonic: () => 0, delay: async () => Promise.resolve() },
    events: () => undefined,
    journal: {
      announce: async () =>
        note('announce', {
          identify: async () => note('identify', undefined),
          end: () => void asked.push('end'),
          leave: () => undefined,
        }),
    },
    multipart: {
      create: async () => created,
      uploadPart: async (_upload: unknown, number: number) => note(`part ${number}`, { number, etag: 'e' }),
      abort: async () => note('abort', undefined),
    },
  } as unknown as MultipartContext;
  return { asked, context, begin: () => answer?.begin(), refuse: (error: Error) => answer?.refuse(error) };
}

describe('a multipart upload that is being begun', () => {
  test('takes parts, and sends them when the journal has its id', async () => {
    const { asked, context, begin } = storeOf();
    const upload = new MultipartUpload(context, OBJECT);
    let freed = 0;
    await upload.send(1, BODY, () => (freed += 1));
    await upload.send(2, BODY, () => (freed += 1));
    expect([asked, freed]).toEqual([['announce'], 0]);
    begin();
    await upload.drain();
    expect([asked, freed]).toEqual([['announce', 'identify', 'part 1', 'part 2'], 2]);
  });

  test('takes no more of them than may be on their way', async () => {
    const { asked, context, begin } = storeOf(1);
    const upload = new MultipartUpload(context, OBJECT);
    await upload.send(1, BODY, () => undefined);
    let taken = false;
    const second = upload.send(2, BODY, () => undefined).then(() => (taken = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(false);
    begin();
    await second;
    await upload.drain();
    expect(asked.slice(-2)).toEqual(['part 1', 'part 2']);
  });

  test('that fails fails the upload, once, and frees what has waited', async () => {
    const { asked, context, refuse } = storeOf();
    const failures: StorageError[] = [];
    const upload = new MultipartUpload(context, OBJECT, (failure) => failures.push(failure));
    let freed = 0;
    await upload.send(1, BODY, () => (freed += 1));
    refuse(new StorageError('permission-denied', 'No.'));
    await expect(upload.drain()).rejects.toMatchObject({ code: 'permission-denied' });
    await expect(upload.send(2, BODY, () => (freed += 1))).rejects.toMatchObject({ code: 'permission-denied' });
    expect([failures.map(({ code }) => code), freed]).toEqual([['permission-denied'], 2]);
    expect(await upload.abort()).toBe(true);
    expect(asked).toEqual(['announce', 'end']);
  });

  test('that is ended meanwhile sends no part, and leaves nothing', async () => {
    const { asked, context, begin } = storeOf();
    const upload = new MultipartUpload(context, OBJECT);
    let freed = 0;
    await upload.send(1, BODY, () => (freed += 1));
    const ended = upload.abort();
    begin();
    expect(await ended).toBe(true);
    expect([asked, freed]).toEqual([['announce', 'identify', 'abort', 'end'], 1]);
  });
});
