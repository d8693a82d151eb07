// The contract in the ways of `local` that local.test.ts leaves out: on the disk, far away, without /proc.
import { describeStoreContract } from './contract/store-contract.ts';
import { LOCAL_TRAITS, openLocal } from './local-fixture.ts';

describeStoreContract('local that waits for the disk', { ...LOCAL_TRAITS, boundaries: [] }, (options) =>
  openLocal({ ...options, fsync: 'always' }),
);
describeStoreContract('local on a far file system', LOCAL_TRAITS, (options) =>
  openLocal({ ...options, fileSystem: 'far' }),
);
describeStoreContract('local without /proc', LOCAL_TRAITS, (options) =>
  openLocal({ ...options, pinDescriptors: false }),
);
