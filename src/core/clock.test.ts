import { expect, test } from 'vitest';
import { systemClock } from './clock.js';

test('the monotonic clock never goes back and resolves below a millisecond', () => {
  const readings = Array.from({ length: 1000 }, () => systemClock.now_ms());
  expect(readings.every((reading, i) => reading >= (readings[i - 1] ?? 0))).toBe(true);
  expect(readings.some((reading) => !Number.isInteger(reading))).toBe(true);
});

test('wall time is ISO 8601 in UTC', () => {
  expect(systemClock.wallTime()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});
