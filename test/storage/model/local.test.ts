import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LocalStore } from '../../../src/storage/local/local-store.ts';
import { randomRuns, timeoutFor } from '../../random-runs.ts';
import { openDescriptorsUnder, partFiles } from '../local-fixture.ts';
import { expectAgreement, type ModelledStore } from './agreement.ts';

const RUNS = randomRuns(1000);

let parent: string;
let subject: ModelledStore;

beforeAll(async () => {
  // In memory: it is the logic that is tried, not the disk.
  parent = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'latticeport-model-'));
  const root = join(parent, 'root');
  subject = {
    stores: {
      store: await LocalStore.open(root, { fsync: 'never', partialUploads: 'store' }),
      discard: await LocalStore.open(root, { fsync: 'never', partialUploads: 'discard' }),
    },
    losesOldVersions: false,
    leftovers: async (directory) => {
      const folder = join(root, directory);
      const left = [...(await openDescriptorsUnder(folder)), ...(await partFiles(folder))];
      await rm(folder, { recursive: true });
      return left;
    },
  };
});

afterAll(async () => {
  await rm(parent, { recursive: true, force: true });
});

test(
  `local agrees with the model in ${RUNS} random sequences of up to three clients`,
  async () => {
    expect(await expectAgreement(subject, { runs: RUNS })).toBeGreaterThanOrEqual(RUNS);
  },
  timeoutFor(RUNS),
);
