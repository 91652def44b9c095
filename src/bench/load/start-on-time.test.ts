import { expect, test } from 'vitest';
import { systemClock } from '../../core/clock.js';
import { startOnTime } from './start-on-time.js';

test('nothing starts before its time, and what is overdue starts at once', async () => {
  const begin = systemClock.now_ms();
  const times = [-5, 0, 1.5, 12, 12.25, 30].map((ms) => begin + ms);
  const started: number[] = [];
  for await (const index of startOnTime(times)) {
    expect(systemClock.now_ms()).toBeGreaterThanOrEqual(times[index] ?? Infinity);
    started.push(index);
  }
  expect(started).toEqual([0, 1, 2, 3, 4, 5]);
});

test('a late start delays no other', async () => {
  let now = 0;
  const seen: [number, number][] = [];
  for await (const index of startOnTime([0, 1, 2], { clock: { now_ms: () => now, wallTime: () => '' } })) {
    seen.push([index, now]);
    now = 10;
  }
  expect(seen).toEqual([
    [0, 0],
    [1, 10],
    [2, 10],
  ]);
});

test('it can be stopped while it waits', async () => {
  const stop = new AbortController();
  const waiting = startOnTime([systemClock.now_ms() + 60_000], { signal: stop.signal }).next();
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});
