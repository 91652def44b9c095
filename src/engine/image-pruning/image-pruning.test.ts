import { describe, expect, test } from 'vitest';
import { createPruning, IMAGE_PRUNING_METHODS } from './registry.js';

const EMBEDDING = 3;
/** A 4 × 4 picture whose token (x, y) is [x, y, 1]. */
const GRID = Float32Array.from(
  { length: 16 * EMBEDDING },
  (_, i) => [Math.floor(i / EMBEDDING) % 4, Math.floor(i / EMBEDDING / 4), 1][i % EMBEDDING] ?? 0,
);

function rows(values: Float32Array): number[][] {
  return Array.from({ length: values.length / EMBEDDING }, (_, i) => [...values.subarray(i * EMBEDDING, (i + 1) * EMBEDDING)]);
}

describe.each(IMAGE_PRUNING_METHODS)('pruning by %s', (method) => {
  test('leaves as many tokens as it says, the same every time, and those it was given where all may stay', () => {
    const { tokensPerTile, lossy, prune } = createPruning({ keep: 9, method }, 16);
    expect([tokensPerTile, rows(prune(GRID)).length]).toEqual([9, 9]);
    expect(lossy).toContain('9 of 16');
    expect(prune(GRID)).toEqual(prune(GRID));
    expect(createPruning({ keep: 16, method }, 16)).toMatchObject({ tokensPerTile: 16, lossy: null });
  });

  test.each([0, -1, 1.5, NaN])('refuses to keep %d', (keep) => {
    expect(() => createPruning({ keep, method }, 16)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

test.each(['diversity', 'random'] as const)('%s keeps tokens as they are, in the order of the picture', (method) => {
  const all = rows(GRID).map(String);
  const kept = rows(createPruning({ keep: 5, method }, 16).prune(GRID)).map(String);
  const places = kept.map((row) => all.indexOf(row));
  expect(places.every((place) => place >= 0)).toBe(true);
  expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
});

test('pooling takes the means of squares, and no picture that is none', () => {
  expect(rows(createPruning({ keep: 5, method: 'pooling' }, 16).prune(GRID))).toEqual([
    [0.5, 0.5, 1],
    [2.5, 0.5, 1],
    [0.5, 2.5, 1],
    [2.5, 2.5, 1],
  ]);
  expect(() => createPruning({ keep: 5, method: 'pooling' }, 15)).toThrow('no square');
});

test('diversity keeps what is unlike the rest, and of what is alike one', () => {
  const alike = [1, 0, 0];
  const values = Float32Array.from([...alike, ...alike, 0, 1, 0, ...alike, 0, 0, 1].map((value, i) => value + (i % 2) * 1e-4));
  const kept = rows(createPruning({ keep: 3, method: 'diversity' }, 5).prune(values)).map((row) => row.map(Math.round));
  expect(kept).toEqual([alike, [0, 1, 0], [0, 0, 1]]);
});
