import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // A child process started from a test runs TypeScript sources, so the tests never see a stale build. An absolute URL,
    // because --import looks up a bare name from the child's working directory.
    env: { NODE_OPTIONS: `--import ${import.meta.resolve('tsx')}` },
    // Native libraries are process-wide: one process per file keeps a crash in one file out of the others.
    pool: 'forks',
    // One core less by default, which on boards and CI machines of two cores is half of them.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
