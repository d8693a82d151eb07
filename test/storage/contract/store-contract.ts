import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { describeAttributes } from './attributes.ts';
import { describeConcurrency } from './concurrency.ts';
import { describeCopies } from './copies.ts';
import { describeDirectories } from './directories.ts';
import { describeInterruption } from './interruption.ts';
import { describeNames } from './names.ts';
import { describeOpening } from './opening.ts';
import { describeReading } from './reading.ts';
import { describeRenames } from './renames.ts';
import { describeResuming } from './resuming.ts';
import { describeVersions } from './versions.ts';
import { describeWriting } from './writing.ts';
import { StoreDriver } from './store-driver.ts';
import type { OpenedStore, OpenStore, StoreTraits } from './store-driver.ts';
import { storePath } from '../store-path.ts';

export type { OpenedStore, OpenStore, StoreTraits } from './store-driver.ts';

/** What a section of the suite works with: a store that is open while its tests run, a directory for each test. */
export interface ContractContext {
  readonly driver: StoreDriver;
  readonly traits: StoreTraits;
  readonly open: OpenStore;
  /** Tells jest of a test that only runs where the store has the trait; elsewhere it is skipped by name. */
  testWhere(trait: (traits: StoreTraits) => boolean, name: string, body: () => Promise<void>): void;
}

const LEFTOVER_DEADLINE_MS = 5_000;

/**
 * The promises of `object-store.ts` and of the table "SFTP over S3" as tests; every store passes all of them.
 * One store is opened for the suite (more for tests of `partialUploads` and of the root); each test has a directory of
 * its own in it. `traits` is known before any test runs, so that jest can name what it skips.
 */
export function describeStoreContract(name: string, traits: StoreTraits, open: OpenStore): void {
  describe(`${name} keeps the store contract`, () => {
    let opened: OpenedStore | undefined;
    let driver: StoreDriver | undefined;
    let counter = 0;

    beforeAll(async () => {
      opened = await open({ partialUploads: 'store' });
    });

    beforeEach(async () => {
      if (opened === undefined) throw new Error('the store did not open');
      counter += 1;
      const directory = `test ${counter}`;
      await opened.store.mkdir(storePath(directory), {});
      driver = new StoreDriver(opened, storePath(directory));
    });

    afterEach(async () => {
      if (opened?.leftovers === undefined) return;
      const deadline = Date.now() + LEFTOVER_DEADLINE_MS;
      let left = await opened.leftovers();
      while (left.length > 0 && Date.now() < deadline) {
        await new Promise((resolve) => setImmediate(resolve));
        left = await opened.leftovers();
      }
      expect(left).toEqual([]);
    });

    afterAll(async () => {
      await opened?.cleanup();
    });

    const context: ContractContext = {
      traits,
      open,
      get driver() {
        if (driver === undefined) throw new Error('no test is running');
        return driver;
      },
      testWhere(trait, testName, body) {
        // What a store does not promise is no test left out.
        if (trait(traits)) test(testName, body);
      },
    };

    describeOpening(context);
    describeWriting(context);
    describeReading(context);
    describeResuming(context);
    describeRenames(context);
    describeCopies(context);
    describeDirectories(context);
    describeNames(context);
    describeAttributes(context);
    describeConcurrency(context);
    describeInterruption(context);
    describeVersions(context);
  });
}
