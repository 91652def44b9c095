import fc from 'fast-check';
import { expect, test } from 'vitest';
import { overLatencyAllowance, minimumSamples, percentile } from './percentiles.js';

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test.each([
  [0, 1],
  [0.5, 6],
  [0.9, 10],
  [0.99, 10],
  [1, 10],
])('of the numbers 1..10, percentile %d is %d: sorted[⌊n·p⌋]', (p, value) => {
  expect(percentile(oneTo(10), p).value).toBe(value);
});

test.each([
  [0.5, 11],
  [0.9, 64],
  [0.95, 130],
  [0.99, 662],
  [0.999, 6636],
])('percentile %d needs %d samples, the minimum MLPerf names', (p, n) => {
  expect(minimumSamples(p)).toBe(n);
  expect(percentile(oneTo(n - 1), p)).toMatchObject({ status: 'estimate', upperBound: null });
  expect(percentile(oneTo(n), p)).toMatchObject({ status: 'bounded', upperBound: n });
});

// "Would discard N highest latency queries", from published LoadGen summaries.
test.each([
  [2048, 172],
  [2116, 178],
  [2145, 181],
])('of %d samples LoadGen discards %d at p90', (n, discarded) => {
  expect(overLatencyAllowance(n, 0.9) - 1).toBe(discarded);
  expect(percentile(oneTo(n), 0.9).upperBound).toBe(n - discarded);
});

test('the bound holds in at least 99% of draws', () => {
  // Uniform draws from a small generator with a fixed seed: the true 90th percentile is 0.9.
  let state = 12345;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  let held = 0;
  for (let trial = 0; trial < 2000; trial++) {
    const sorted = Array.from({ length: 100 }, random).sort((a, b) => a - b);
    if ((percentile(sorted, 0.9).upperBound ?? 0) >= 0.9) held++;
  }
  expect(held / 2000).toBeGreaterThanOrEqual(0.99);
});

test('percentiles grow with p and are members of the samples; no samples is an error', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, p) => {
      const sorted = values.sort((a, b) => a - b);
      const lower = percentile(sorted, p / 2).value;
      expect(sorted).toContain(lower);
      expect(lower).toBeLessThanOrEqual(percentile(sorted, p).value);
    }),
  );
  expect(() => percentile([], 0.5)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  expect(() => percentile([1], 1.5)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
});
