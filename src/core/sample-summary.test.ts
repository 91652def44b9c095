import { expect, test } from 'vitest';
import { median, summarise } from './sample-summary.js';

test('the statistics of a small known list', () => {
  const summary = summarise([9, 2, 4, 4, 4, 5, 5, 7]);
  expect(summary).toMatchObject({ n: 8, mean: 5, median: 4.5, min: 2, max: 9, mad: 0.5, noise: 'too noisy' });
  expect(summary.stdev).toBeCloseTo(Math.sqrt(32 / 7), 12);
  expect(summary.cv).toBeCloseTo(Math.sqrt(32 / 7) / 5, 12);
  expect(summary.percentiles.map(({ p, value, status }) => [p, value, status])).toEqual([
    [0.5, 5, 'estimate'],
    [0.9, 9, 'estimate'],
    [0.95, 9, 'estimate'],
    [0.99, 9, 'estimate'],
  ]);
});

test('one sample has no spread, and says so instead of zero', () => {
  expect(summarise([3])).toMatchObject({ n: 1, mean: 3, median: 3, stdev: null, cv: null, noise: null, mad: 0 });
});

test('a zero mean has no coefficient of variation', () => {
  expect(summarise([-1, 1])).toMatchObject({ cv: null, noise: null });
});

test.each([
  [0.04, 'quiet'],
  [0.09, 'fair'],
  [0.19, 'noisy'],
  [0.3, 'too noisy'],
])('a coefficient of variation of %d is %s', (cv, band) => {
  // Two samples 1 ± d have stdev d·√2.
  const d = cv / Math.SQRT2;
  expect(summarise([1 - d, 1 + d]).noise).toBe(band);
});

test('the mean of large offsets is exact enough for a small spread', () => {
  expect(summarise([1e9 + 1, 1e9 + 2, 1e9 + 3]).stdev).toBeCloseTo(1, 9);
});

test('no samples, NaN and infinities are errors', () => {
  for (const values of [[], [1, NaN], [1, Infinity]]) {
    expect(() => summarise(values)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  }
});

test('the median of odd and even lists', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2.5, NaN]);
});
