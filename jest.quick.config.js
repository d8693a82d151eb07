// `npm test`: what a change is tried with again and again. At most three minutes on two cores, and no server of another
// project is started. Left out are the files named *.long.test.ts; random tests run a tenth of their number; tests that need
// an S3 server are skipped by name. All of it: `npm run test:all` (jest.config.js).
import everything from './jest.config.js';

process.env['LATTICEPORT_RUNS'] ??= '0.1'; // test/random-runs.ts

export default {
  ...everything,
  testPathIgnorePatterns: ['/node_modules/', '\\.long\\.test\\.ts$'],
  // read by test/peers/jest-global-setup.ts
  globals: { quick: true },
};
