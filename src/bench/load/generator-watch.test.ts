import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GeneratorWatch } from './generator-watch.js';

test('a process that blocks its own event loop is caught', async () => {
  const watch = new GeneratorWatch();
  await sleep(20);
  for (const end = performance.now() + 120; performance.now() < end;);
  await sleep(20);
  const { eventLoopDelay_ms, cpuShare, startDelay_ms, starts, duration_ms } = watch.stop();
  expect(eventLoopDelay_ms.max).toBeGreaterThan(80);
  expect(cpuShare).toBeGreaterThan(0);
  expect(duration_ms).toBeGreaterThanOrEqual(120);
  expect([startDelay_ms, starts]).toEqual([null, 0]);
});

test('a start is late by what the clock says', () => {
  let now = 100;
  const watch = new GeneratorWatch({ now_ms: () => now, wallTime: () => '' });
  expect(watch.started(99.5)).toBe(0.5);
  expect(watch.started(101)).toBe(0);
  now = 110;
  expect(watch.started(108)).toBe(2);
  expect(watch.stop()).toMatchObject({ startDelay_ms: { p50: 0.5, p99: 2, max: 2 }, starts: 3, duration_ms: 10 });
});
