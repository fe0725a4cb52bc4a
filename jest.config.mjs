import { availableParallelism } from 'node:os';

/** Unit specs stand beside the code; everything under test/ drives real processes against a real PostgreSQL. */
const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      module: { type: 'es6' },
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
      },
    },
  ],
};

const shared = {
  rootDir: import.meta.dirname,
  testEnvironment: '<rootDir>/libs/testing/jest-environment.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^#libs/(.*)$': '<rootDir>/libs/$1.ts', '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.muster'],
  transform,
};

export default {
  ...shared,
  testMatch: ['<rootDir>/{src,apps,libs}/**/*.spec.ts', '<rootDir>/test/**/*.spec.ts'],
  globalSetup: '<rootDir>/libs/testing/global-setup.ts',
  globalTeardown: '<rootDir>/libs/testing/global-teardown.ts',
  testTimeout: 120_000,
  // A quarter of the time they wait, for other processes and for time to pass.
  maxWorkers: availableParallelism() + 1,
  // Of ES modules' registries jest lets nothing go: a worker that went on through half of the files died of its 4 GB.
  workerIdleMemoryLimit: '1GB',
};
