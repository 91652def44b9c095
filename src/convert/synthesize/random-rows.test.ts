import { describe, expect, it } from 'vitest';
import { RandomRows, shuffled } from './random-rows.js';

const row = (rows: RandomRows, index: number, length = 64): Float32Array => {
  const values = new Float32Array(length);
  rows.fill(values, index, 2);
  return values;
};

describe('random rows', () => {
  it('have the mean and deviation asked for, and no correlation', () => {
    const rows = new RandomRows(1, 'a');
    const [a, b] = [row(rows, 0, 100_000), row(rows, 1, 100_000)];
    const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean(a))).toBeLessThan(0.03);
    expect(Math.sqrt(mean(a.map((value) => value ** 2)))).toBeCloseTo(2, 1);
    expect(Math.abs(mean(a.map((value, i) => value * (b[i] ?? 0))))).toBeLessThan(0.06);
  });

  it('are the same for the same seed, stream and index, whatever was asked before, and others for others', () => {
    const rows = new RandomRows(1, 'a');
    row(rows, 9);
    expect(row(rows, 3)).toEqual(row(new RandomRows(1, 'a'), 3));
    const others = [row(rows, 4), row(new RandomRows(2, 'a'), 3), row(new RandomRows(1, 'b'), 3)];
    for (const other of others) expect(other).not.toEqual(row(rows, 3));
  });
});

it('shuffling keeps every number once', () => {
  const order = shuffled(10, 1010, 5);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => 10 + i));
  expect(order).not.toEqual(shuffled(10, 1010, 6));
});
