import { describe, expect, it } from 'vitest';
import { compareRows } from './compare-rows.js';
import { judge } from './judge.js';

const row = (...values: number[]): Float32Array => Float32Array.from(values);
const theirs = row(-10, 0, 9.995, 10);

describe('a comparison', () => {
  it('tells the choices, the largest difference and how far ours lies below theirs', () => {
    expect(compareRows(row(-10, 0.5, 10, 9), theirs)).toMatchObject({ ours: 2, theirs: 3, delta: 1, spread: 20 });
    expect(compareRows(row(-10, 0.5, 10, 9), theirs).margin).toBeCloseTo(0.005, 5);
  });

  it('knows no tolerance for values that are no numbers, or another vocabulary', () => {
    expect(compareRows(row(-10, NaN, 9, 10), theirs).delta).toBe(Infinity);
    expect(compareRows(row(-10, 0, 10), theirs).delta).toBe(Infinity);
  });
});

describe('the verdict', () => {
  const verdict = (...ours: Float32Array[]): string => judge(ours.map((values) => compareRows(values, theirs)));

  it('is equal where all choices are, and a tie where rounding decides', () => {
    expect(verdict(theirs, row(-10, 0.1, 9.9, 10))).toBe('equal');
    expect(verdict(theirs, row(-10, 0, 10.001, 10))).toBe('ties');
  });

  it('is different for another choice, for logits that are far off, and where nothing was compared', () => {
    expect(verdict(row(-10, 10.1, 9.9, 10))).toBe('different');
    expect(verdict(theirs, row(-10, 3, 9, 10))).toBe('different');
    expect(verdict(row(NaN, NaN, NaN, NaN))).toBe('different');
    expect(verdict()).toBe('different');
  });
});
