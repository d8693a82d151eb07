import { describeStoreContract } from './contract/store-contract.ts';
import { LOCAL_TRAITS, openLocal } from './local-fixture.ts';

describeStoreContract('local with links', LOCAL_TRAITS, (options) => openLocal({ ...options, symlinks: true }));
// Whatever the machine's file system is. The other ways: local-variants.long.test.ts.
describeStoreContract('local on a near file system', LOCAL_TRAITS, (options) =>
  openLocal({ ...options, fileSystem: 'near' }),
);
describeStoreContract('local in memory', LOCAL_TRAITS, (options) => openLocal({ ...options, fileSystem: 'memory' }));
