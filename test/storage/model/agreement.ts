// Random sequences on a store, through the SFTP layer, against the model.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { READ_WRITE } from '../../../src/vfs/permissions.ts';
import { UserView } from '../../../src/vfs/user-view.ts';
import { SftpTestClient } from '../../sftp/sftp-test-client.ts';
import { pattern } from '../contract/store-driver.ts';
import { FileTree } from './file-tree.ts';
import { sequence, type Sequence } from './operations.ts';
import { expectBytes, Player, type World } from './player.ts';

export interface ModelledStore {
  /** The same storage with each of the settings of `partialUploads`. */
  readonly stores: Readonly<Record<'store' | 'discard', ObjectStore>>;
  readonly losesOldVersions: boolean;
  /** What a sequence must not leave behind; asked when every session has ended. */
  leftovers(directory: string): Promise<readonly string[]>;
}

export interface AgreementOptions {
  readonly runs: number;
}

const LETTERS = ['a', 'b', 'c'];
/** No sequence takes so long unless an answer is missing. */
const SEQUENCE_TIMEOUT_MS = 60_000;
const POOL_BYTES = 16 * 1024 ** 2;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/**
 * Runs the sequences; throws with the seed, the path to the failing one, and the smallest sequence that fails. To see one
 * again: LATTICEPORT_MODEL_SEED and LATTICEPORT_MODEL_PATH with what was printed. Answers how many were run.
 */
export async function expectAgreement(subject: ModelledStore, options: AgreementOptions): Promise<number> {
  const pool = pattern(POOL_BYTES, 4);
  const seed = process.env['LATTICEPORT_MODEL_SEED'];
  const path = process.env['LATTICEPORT_MODEL_PATH'];
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(sequence, async (chosen) => {
      runs += 1;
      await play(subject, chosen, pool);
    }),
    {
      numRuns: options.runs,
      timeout: SEQUENCE_TIMEOUT_MS,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      // A sequence that is played again is not made smaller again.
      ...(path === undefined ? {} : { path, endOnFailure: true }),
    },
  );
  return runs;
}

async function play(subject: ModelledStore, { partialUploads, steps }: Sequence, pool: Buffer): Promise<void> {
  const store = subject.stores[partialUploads];
  const directory = `sequence ${randomBytes(6).toString('hex')}`;
  await store.mkdir(directory, {});
  const view = new UserView({
    directories: [{ entry: '/', store, path: directory }],
    permissions: READ_WRITE,
    userName: 'tester',
  });
  let taken = 0;
  const world: World = {
    view,
    tree: new FileTree(),
    partialUploads,
    losesOldVersions: subject.losesOldVersions,
    bytes: (length) => {
      taken += 1;
      const start = (taken * 1_000_003) % (POOL_BYTES - length + 1);
      return pool.subarray(start, start + length);
    },
  };
  const setUp = await SftpTestClient.connect(view);
  for (const path of ['/shared', ...LETTERS.map((letter) => `/${letter}`)]) {
    await setUp.mkdir(path);
    world.tree.mkdir(path);
  }
  await setUp.end();
  await Promise.all(
    LETTERS.map(async (letter, client) =>
      new Player(world, letter).run(steps.filter((step) => step.client === client)),
    ),
  );
  await expectTree(world);
  const left = await subject.leftovers(directory);
  if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
}

/** Everything that the store shows, against everything that the model has. */
async function expectTree({ view, tree }: World): Promise<void> {
  const client = await SftpTestClient.connect(view);
  const expected = new Map(tree.entries());
  const seen = new Set<string>();
  const walk = async (directory: string): Promise<void> => {
    for (const { name, attributes } of await client.list(directory)) {
      if (name === '.' || name === '..') continue;
      const path = directory === '/' ? `/${name}` : `${directory}/${name}`;
      seen.add(path);
      const node = expected.get(path);
      const isDirectory = ((attributes.mode ?? 0) & S_IFMT) === S_IFDIR;
      if (node === undefined) throw new Error(`at the end ${path} is there and should not`);
      if (isDirectory !== (node.kind === 'directory')) throw new Error(`at the end ${path} is no ${node.kind}`);
      if (node.kind === 'directory') {
        await walk(path);
        continue;
      }
      const { bytes, mtime } = node.version;
      expectBytes(await client.get(path, 128 * 1024), bytes);
      const now = await client.stat(path);
      if (mtime !== undefined && now.mtime !== mtime) {
        throw new Error(`at the end ${path} has the time ${now.mtime ?? 'none'} instead of ${mtime}`);
      }
    }
  };
  await walk('/');
  await client.end();
  const missing = [...expected.keys()].filter((path) => !seen.has(path));
  if (missing.length > 0) throw new Error(`at the end these are missing: ${missing.join(', ')}`);
}
