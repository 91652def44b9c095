import { expect, it } from 'vitest';
import { median } from '../../core/sample-summary.js';
import { bootstrapRatio } from './bootstrap-ratio.js';

const around = (centre: number): number[] => Array.from({ length: 101 }, (_, at) => centre * (0.9 + (0.2 * at) / 100));

it('is an interval around the ratio of the statistics, the same for a seed', () => {
  const interval = bootstrapRatio(around(30), around(10), median, { seed: 3 });
  expect(interval).toEqual(bootstrapRatio(around(30), around(10), median, { seed: 3 }));
  const [low = NaN, high = NaN] = interval ?? [];
  expect(low).toBeGreaterThan(2.8);
  expect(low).toBeLessThan(3);
  expect(high).toBeGreaterThan(3);
  expect(high).toBeLessThan(3.2);
});

it('is none for one value, and for what has no ratio', () => {
  expect(bootstrapRatio([1], [1, 2], median, { seed: 1 })).toBeNull();
  expect(bootstrapRatio([1, 2], [0, 0], median, { seed: 1 })).toBeNull();
});
