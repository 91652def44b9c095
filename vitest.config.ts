import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // A child process started from a test runs TypeScript sources, so the tests never see a stale build. An absolute URL,
    // because --import looks up a bare name from the child's working directory.
    env: { NODE_OPTIONS: `--import ${import.meta.resolve('tsx')}` },
    // Native libraries are process-wide: one process per file keeps a crash in one file out of the others.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
