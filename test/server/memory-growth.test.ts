import { expect, it } from 'vitest';
import { smallFastCounter } from '../../src/core/small-fast-counter.js';
import { memoryGrowth, type MemoryReading } from './support/memory-growth.js';

const MEBIBYTE = 1024 * 1024;
const RUNS = 200;

/**
 * Readings of a process that holds 200 MiB and `leak` of it more at the end: garbage of up to 12 MiB that is collected now and then, and a
 * level that wanders, so that neighbours are alike, as allocators do.
 */
function run(leak: number, seed: number, count = 240): MemoryReading[] {
  const bits = smallFastCounter(seed);
  const uniform = (): number => bits() / 2 ** 32;
  let [garbage, wander] = [0, 0];
  return Array.from({ length: count }, (_, at) => {
    garbage = uniform() < 0.3 ? 0 : Math.min(12, garbage + 3 * uniform());
    wander = 0.7 * wander + (uniform() - 0.5);
    return { at, bytes: MEBIBYTE * (200 * (1 + (leak * at) / (count - 1)) + garbage + wander) };
  });
}

const shareOver = (leak: number, bound: number): number =>
  Array.from({ length: RUNS }, (_, seed) => memoryGrowth(run(leak, seed + 1))).filter((growth) => growth > bound).length / RUNS;

it('catches a leak of 3% over the run, 19 times in 20', () => {
  expect(shareOver(0.03, 0.03)).toBeGreaterThanOrEqual(0.95);
});

it('catches one of 4% always', () => {
  expect(shareOver(0.04, 0.03)).toBe(1);
});

it('lets a process pass that does not leak', () => {
  expect(shareOver(0, 0.03)).toBeLessThan(0.05);
});

it('is exact for a line', () => {
  const line = Array.from({ length: 40 }, (_, at) => ({ at, bytes: 1000 + at }));
  // The level is that of the middle block's minimum.
  expect(memoryGrowth(line)).toBeCloseTo(39 / 1020, 6);
});

it('is that of scipy: theilslopes gives 8 a step as the upper end of these', () => {
  const values = [31, 14, 41, 15, 59, 92, 65, 35, 89, 79, 32, 38];
  const growth = memoryGrowth(
    values.map((bytes, at) => ({ at, bytes })),
    values.length,
  );
  // Over eleven steps, of a level of 41.
  expect(growth).toBeCloseTo((8 * 11) / 41, 9);
});

it('refuses too few readings', () => {
  expect(() => memoryGrowth(run(0, 1, 5))).toThrow(/too few/);
});
