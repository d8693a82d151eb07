// Two stores on one bucket, as two servers have them: of two operations on one name that exclude each other exactly one is
// carried out, and nothing that was acknowledged is undone. RACE_ROUNDS=150 plays each that often.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { StorageError, type WriteHandle } from '../../../src/storage/object-store.ts';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { KEEP, listAll, pattern, readToEnd, writeAt, writeOptions } from '../contract/store-driver.ts';
import { servers, TestBucket } from './s3-server.ts';
import { storePath } from '../store-path.ts';

const PART = 5 * 1024 ** 2;
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 4);
const FOLLOW = { followSymlinks: true };

/** 'ok' or the error's code. */
async function outcome(operation: Promise<unknown>): Promise<string> {
  try {
    await operation;
    return 'ok';
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return error.code;
  }
}

for (const { name, endpoint } of servers) {
  (endpoint === undefined ? describe.skip : describe)(`two nodes on ${name}`, () => {
    let bucket: TestBucket;
    let one: S3Store;
    let two: S3Store;
    let count = 0;

    beforeAll(async () => {
      bucket = await TestBucket.create(endpoint ?? '');
      const options = bucket.options({ prefix: 'home', partBytes: PART, sweep: false });
      [one, two] = [await S3Store.open(options), await S3Store.open(options)];
    });
    afterAll(async () => {
      await one.close();
      await two.close();
      await bucket.destroy();
    });

    const put = async (store: S3Store, path: string, body: string | Buffer) => {
      const handle = await begin(store, path, body);
      await handle.close();
    };
    const begin = async (store: S3Store, path: string, body: string | Buffer): Promise<WriteHandle> => {
      const handle = await store.openWrite(storePath(path), writeOptions());
      await writeAt(handle, 0, body);
      return handle;
    };
    const text = async (path: string): Promise<string | undefined> => {
      let handle;
      try {
        handle = await two.openRead(storePath(path));
      } catch (error) {
        if (error instanceof StorageError && ['not-found', 'is-a-directory'].includes(error.code)) return undefined;
        throw error;
      }
      const bytes = await readToEnd(handle);
      await handle.close();
      return bytes.length > 100 ? `${bytes.length} bytes` : bytes.toString();
    };
    const isDirectory = async (path: string): Promise<boolean> => {
      try {
        return (await two.stat(storePath(path), FOLLOW)).kind === 'directory';
      } catch {
        return false;
      }
    };

    /** Each round in a directory of its own. */
    const race = (what: string, round: (at: (file: string) => string) => Promise<void>) => {
      test(
        what,
        async () => {
          for (let i = 0; i < ROUNDS; i += 1) {
            const directory = `race-${(count += 1)}`;
            await one.mkdir(storePath(directory), {});
            await round((file) => `${directory}/${file}`);
          }
        },
        30_000 + ROUNDS * 10_000,
      );
    };

    for (const overwrite of [false, true]) {
      const kind = overwrite ? 'posix-rename' : 'RENAME';
      race(`${kind} of one file to two names: one has it`, async (at) => {
        await put(one, at('src'), 'content');
        const results = await Promise.all([
          outcome(one.rename(storePath(at('src')), storePath(at('a')), { overwrite })),
          outcome(two.rename(storePath(at('src')), storePath(at('b')), { overwrite })),
        ]);
        expect([...results].sort()).toEqual(['not-found', 'ok']);
        expect([await text(at('src')), await text(at('a')), await text(at('b'))]).toEqual(
          results[0] === 'ok' ? [undefined, 'content', undefined] : [undefined, undefined, 'content'],
        );
      });
    }

    race('RENAME of two files to one name: the loser keeps its own', async (at) => {
      await put(one, at('a'), 'of a');
      await put(one, at('b'), 'of b');
      const results = await Promise.all([
        outcome(one.rename(storePath(at('a')), storePath(at('t')), { overwrite: false })),
        outcome(two.rename(storePath(at('b')), storePath(at('t')), { overwrite: false })),
      ]);
      expect([...results].sort()).toEqual(['exists', 'ok']);
      const [first] = results;
      expect([await text(at('a')), await text(at('b')), await text(at('t'))]).toEqual(
        first === 'ok' ? [undefined, 'of b', 'of a'] : ['of a', undefined, 'of b'],
      );
    });

    race('posix-rename of two files to one name: both go, and one is there', async (at) => {
      await put(one, at('a'), 'of a');
      await put(one, at('b'), 'of b');
      const results = await Promise.all([
        outcome(one.rename(storePath(at('a')), storePath(at('t')), { overwrite: true })),
        outcome(two.rename(storePath(at('b')), storePath(at('t')), { overwrite: true })),
      ]);
      expect(results).toEqual(['ok', 'ok']);
      expect([await text(at('a')), await text(at('b'))]).toEqual([undefined, undefined]);
      expect(['of a', 'of b']).toContain(await text(at('t')));
    });

    race('a file that another node moves back under its old name is read there', async (at) => {
      await put(one, at('b'), 'moved');
      await two.rename(storePath(at('b')), storePath(at('a')), { overwrite: false });
      await one.rename(storePath(at('a')), storePath(at('b')), { overwrite: false });
      expect(await text(at('b'))).toBe('moved');
      expect(await text(at('a'))).toBeUndefined();
    });

    race('two files change places by RENAME in a circle: nothing is lost, nobody waits for ever', async (at) => {
      await put(one, at('a'), 'of a');
      await put(one, at('b'), 'of b');
      await Promise.all([
        outcome(one.rename(storePath(at('a')), storePath(at('b')), { overwrite: true })),
        outcome(two.rename(storePath(at('b')), storePath(at('a')), { overwrite: true })),
      ]);
      const left = [await text(at('a')), await text(at('b'))].filter((content) => content !== undefined);
      expect(left).toHaveLength(1);
    });

    race('two REMOVEs: one', async (at) => {
      await put(one, at('f'), 'content');
      const results = await Promise.all([
        outcome(one.remove(storePath(at('f')))),
        outcome(two.remove(storePath(at('f')))),
      ]);
      expect(results.sort()).toEqual(['not-found', 'ok']);
    });

    race('RENAME and REMOVE: one', async (at) => {
      await put(one, at('f'), 'content');
      const results = await Promise.all([
        outcome(one.rename(storePath(at('f')), storePath(at('g')), { overwrite: false })),
        outcome(two.remove(storePath(at('f')))),
      ]);
      expect([...results].sort()).toEqual(['not-found', 'ok']);
      expect(await text(at('f'))).toBeUndefined();
      expect(await text(at('g'))).toBe(results[0] === 'ok' ? 'content' : undefined);
    });

    race('two MKDIRs: one', async (at) => {
      const results = await Promise.all([
        outcome(one.mkdir(storePath(at('d')), {})),
        outcome(two.mkdir(storePath(at('d')), {})),
      ]);
      expect(results.sort()).toEqual(['exists', 'ok']);
    });

    race('MKDIR and RMDIR of one name: every answer is one that some order allows', async (at) => {
      const [made] = await Promise.all([
        outcome(one.mkdir(storePath(at('d')), {})),
        outcome(two.rmdir(storePath(at('d')))),
      ]);
      expect(made).toBe('ok');
    });

    for (const size of [7, PART + 5_000]) {
      race(`MKDIR and the CLOSE of a new file of ${size} bytes: one`, async (at) => {
        const file = await begin(one, at('d'), pattern(size));
        const results = await Promise.all([outcome(file.close()), outcome(two.mkdir(storePath(at('d')), {}))]);
        expect([
          ['ok', 'exists'],
          ['is-a-directory', 'ok'],
        ]).toContainEqual(results);
        expect(await isDirectory(at('d'))).toBe(results[1] === 'ok');
      });

      race(`RMDIR and the CLOSE of a new file of ${size} bytes in it: one`, async (at) => {
        await one.mkdir(storePath(at('d')), {});
        const file = await begin(one, at('d/f'), pattern(size));
        const results = await Promise.all([outcome(file.close()), outcome(two.rmdir(storePath(at('d'))))]);
        expect([
          ['ok', 'not-empty'],
          ['not-found', 'ok'],
        ]).toContainEqual(results);
        expect(await isDirectory(at('d'))).toBe(results[0] === 'ok');
      });

      race(`RENAME onto a name and the CLOSE of a file of ${size} bytes there: the file stays`, async (at) => {
        await put(one, at('a'), 'of a');
        const file = await begin(two, at('t'), pattern(size));
        const results = await Promise.all([
          outcome(one.rename(storePath(at('a')), storePath(at('t')), { overwrite: false })),
          outcome(file.close()),
        ]);
        expect(results[1]).toBe('ok');
        expect(await text(at('t'))).toMatch(size > 100 ? `${size} bytes` : /^.{7}$/s);
        expect(await text(at('a'))).toBe(results[0] === 'ok' ? undefined : 'of a');
      });

      race(`SETSTAT and the CLOSE of a new version of ${size} bytes: the version stays`, async (at) => {
        await put(one, at('f'), 'old');
        const file = await begin(two, at('f'), pattern(size));
        const results = await Promise.all([
          outcome(one.setAttributes(storePath(at('f')), { mtime: 1_234_567_890 }, FOLLOW)),
          outcome(file.close()),
        ]);
        expect(results).toEqual(['ok', 'ok']);
        expect((await two.stat(storePath(at('f')), FOLLOW)).attributes.size).toBe(size);
      });
    }

    race('SETSTAT and posix-rename onto the file: the new one stays', async (at) => {
      await put(one, at('f'), 'old');
      await put(one, at('new'), 'new');
      const results = await Promise.all([
        outcome(one.setAttributes(storePath(at('f')), { mtime: 1_234_567_890 }, FOLLOW)),
        outcome(two.rename(storePath(at('new')), storePath(at('f')), { overwrite: true })),
      ]);
      expect(results).toEqual(['ok', 'ok']);
      expect([await text(at('f')), await text(at('new'))]).toEqual(['new', undefined]);
    });

    race('SETSTAT and REMOVE, and SETSTAT and RENAME: the old name is not back', async (at) => {
      await put(one, at('f'), 'content');
      await put(one, at('g'), 'content');
      const results = await Promise.all([
        outcome(one.setAttributes(storePath(at('f')), { mtime: 1_234_567_890 }, FOLLOW)),
        outcome(two.remove(storePath(at('f')))),
        outcome(one.setAttributes(storePath(at('g')), { mode: 0o600 }, FOLLOW)),
        outcome(two.rename(storePath(at('g')), storePath(at('h')), { overwrite: false })),
      ]);
      expect([results[1], results[3]]).toEqual(['ok', 'ok']);
      expect([await text(at('f')), await text(at('g')), await text(at('h'))]).toEqual([
        undefined,
        undefined,
        'content',
      ]);
    });

    race('two SETSTATs of different attributes: both are kept', async (at) => {
      await put(one, at('f'), 'content');
      await Promise.all([
        one.setAttributes(storePath(at('f')), { mtime: 1_234_567_890 }, FOLLOW),
        two.setAttributes(storePath(at('f')), { mode: 0o600 }, FOLLOW),
      ]);
      const { mtime, mode } = (await two.stat(storePath(at('f')), FOLLOW)).attributes;
      expect({ mtime, mode: mode & 0o777 }).toEqual({ mtime: 1_234_567_890, mode: 0o600 });
    });

    race('two that keep the bytes of one file: one is committed', async (at) => {
      await put(one, at('f'), '..........');
      const handles = [
        await one.openWrite(storePath(at('f')), writeOptions(KEEP)),
        await two.openWrite(storePath(at('f')), writeOptions(KEEP)),
      ];
      await Promise.all(handles.map(async (handle, index) => writeAt(handle, index * 9, String(index))));
      const results = await Promise.all(handles.map(async (handle) => outcome(handle.close())));
      expect([...results].sort()).toEqual(['changed', 'ok']);
      expect(await text(at('f'))).toBe(results[0] === 'ok' ? '0.........' : '.........1');
    });

    test('nothing is made in a directory that another node has removed or renamed', async () => {
      for (const size of [7, PART + 5_000]) {
        const directory = `gone-${(count += 1)}`;
        await one.mkdir(storePath(directory), {});
        // The first node has seen both.
        await put(one, `${directory}/before`, 'x');
        const files = [
          await begin(one, `${directory}/new`, pattern(size)),
          await begin(one, `${directory}/before`, 'y'),
        ];
        await two.rename(storePath(directory), storePath(`${directory}-moved`), { overwrite: false });
        for (const file of files) expect(await outcome(file.close())).toBe('not-found');
        expect(await outcome(one.mkdir(storePath(`${directory}/sub`), {}))).toBe('not-found');
        await put(one, `f-${count}`, 'x');
        expect(
          await outcome(one.rename(storePath(`f-${count}`), storePath(`${directory}/f`), { overwrite: false })),
        ).toBe('not-found');
        expect(await isDirectory(directory)).toBe(false);
        expect((await listAll(two, storePath(`${directory}-moved`))).map((entry) => entry.name)).toEqual(['before']);
      }
      expect(await bucket.uploads()).toEqual([]);
    }, 60_000);

    test('a claim that a dead process has left is taken over', async () => {
      await put(one, 'claimed', 'content');
      const identity = { host: 'another machine', pid: 1, start: '1' };
      await bucket.client.send(
        new PutObjectCommand({
          Bucket: bucket.name,
          Key: 'home/.latticeport/claims/=other',
          Body: 'left',
          Metadata: { 'latticeport-owner': Buffer.from(JSON.stringify(identity)).toString('base64') },
        }),
      );
      const short = await S3Store.open(bucket.options({ prefix: 'home', sweep: false, claimLeaseMs: 3_000 }));
      await short.rename(storePath('claimed'), storePath('other'), { overwrite: false });
      expect([await text('claimed'), await text('other')]).toEqual([undefined, 'content']);
      await short.close();
    });

    test('claims do not stay', async () => {
      await put(one, 'f', 'content');
      await one.rename(storePath('f'), storePath('g'), { overwrite: false });
      await one.remove(storePath('g'));
      const deadline = Date.now() + 20_000;
      let left = await bucket.keys('home/.latticeport/claims/');
      while (left.length > 0 && Date.now() < deadline) left = await bucket.keys('home/.latticeport/claims/');
      expect(left).toEqual([]);
    });
  });
}
