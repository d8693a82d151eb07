import { describeStoreContract } from './contract/store-contract.ts';
import type { StoreTraits } from './contract/store-contract.ts';
import { openLocal } from './local-fixture.ts';

const traits: StoreTraits = {
  implicitParents: false,
  ownership: process.getuid?.() === 0,
  exactListing: true,
  // The step of the copy that keeps a file's bytes.
  boundaries: [1 << 20],
  writeFaults: false,
  writesInPlace: true,
};

describeStoreContract('local with links', traits, (options) => openLocal({ ...options, symlinks: true }));
describeStoreContract('local that waits for the disk', { ...traits, boundaries: [] }, (options) =>
  openLocal({ ...options, fsync: 'always' }),
);
// Whatever the machine's file system is, both ways are taken.
describeStoreContract('local on a near file system', traits, (options) => openLocal({ ...options, near: true }));
describeStoreContract('local on a far file system', traits, (options) => openLocal({ ...options, near: false }));
describeStoreContract('local without /proc', traits, (options) => openLocal({ ...options, pinDescriptors: false }));
