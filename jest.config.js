export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  globalSetup: '<rootDir>/test/peers/jest-global-setup.ts',
  globalTeardown: '<rootDir>/test/peers/jest-global-teardown.ts',
  // More than any test needs, on a slow machine too: it ends what hangs, and measures nothing.
  testTimeout: 120_000,
  maxWorkers: 2,
};
