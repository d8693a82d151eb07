export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        // Modules of JSON are imported with `type: 'json'`.
        jsc: {
          parser: { syntax: 'typescript' },
          target: 'es2024',
          experimental: { keepImportAttributes: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  globalSetup: '<rootDir>/test/peers/jest-global-setup.ts',
  globalTeardown: '<rootDir>/test/peers/jest-global-teardown.ts',
  // More than any test needs, on a slow machine too: it ends what hangs, and measures nothing.
  testTimeout: 120_000,
  maxWorkers: 2,
};
