import { describe, expect, it } from 'vitest';

import { bootstrapInterval } from './bootstrap.js';
import { smallFastCounter } from '../../core/small-fast-counter.js';

const mean = ([sum = 0, n = 0]: readonly number[]): number => sum / n;
const rowsOf = (...values: number[]): number[][] => values.map((value) => [value, 1]);

describe('bootstrap interval', () => {
  it('repeats with its seed and changes with it', () => {
    const rows = rowsOf(...Array.from({ length: 50 }, (_, index) => Math.sin(index)));
    const interval = (seed: number): readonly number[] => bootstrapInterval(rows, mean, { seed, resamples: 500 });
    expect(interval(1)).toEqual(interval(1));
    expect(interval(1)).not.toEqual(interval(2));
    expect(interval(1)).not.toEqual(interval(1 + 2 ** 32));
  });

  it('of equal values has no width, and more confidence makes it wider', () => {
    expect(bootstrapInterval(rowsOf(0.5, 0.5, 0.5), mean, { seed: 0 })).toEqual([0.5, 0.5]);
    const rows = rowsOf(1, 2, 3, 4, 5, 6, 7, 8);
    const [narrow, wide] = [0.5, 0.99].map((confidence) => bootstrapInterval(rows, mean, { seed: 0, confidence }));
    expect(wide?.[0]).toBeLessThan(narrow?.[0] ?? -Infinity);
    expect(wide?.[1]).toBeGreaterThan(narrow?.[1] ?? Infinity);
  });

  it('covers the truth about as often as it promises', () => {
    // Means of 40 dice; 95% of the intervals should hold 3.5.
    const bits = smallFastCounter(9);
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const rows = rowsOf(...Array.from({ length: 40 }, () => 1 + (bits() % 6)));
      const [low, high] = bootstrapInterval(rows, mean, { seed: trial, resamples: 400 });
      if (low <= 3.5 && 3.5 <= high) covered++;
    }
    expect(covered).toBeGreaterThan(178);
    expect(covered).toBeLessThan(200);
  });

  it('leaves out resamples in which the statistic is undefined', () => {
    // A resample that holds the second picture only has nothing to divide by; all others give 1.
    const [low, high] = bootstrapInterval(
      [
        [1, 1],
        [0, 0],
      ],
      mean,
      { seed: 0 },
    );
    expect([low, high]).toEqual([1, 1]);
  });

  it('refuses no rows, uneven rows and a statistic that is never defined', () => {
    expect(() => bootstrapInterval([], mean, { seed: 0 })).toThrow(/rows/);
    expect(() => bootstrapInterval([[1, 1], [1]], mean, { seed: 0 })).toThrow(/rows/);
    expect(() => bootstrapInterval([[0, 0]], mean, { seed: 0 })).toThrow(/finite/);
  });
});

it('random bits are spread evenly', () => {
  const bits = smallFastCounter(3);
  const counts = new Array<number>(16).fill(0);
  for (let draw = 0; draw < 160_000; draw++) {
    const bucket = bits() >>> 28;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  // Chi-squared with 15 degrees of freedom: 37.7 is the 99.9% point.
  expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(37.7);
});
