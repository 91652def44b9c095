import { expect, test } from 'vitest';
import { commonPrefix, type Past } from './past.js';

const past = (tokens: number[], ...images: [at: number, hash: string][]): Past => ({
  tokens,
  images: images.map(([at, hash]) => ({ at, hash })),
});

test.each<[a: Past, b: Past, length: number]>([
  [past([]), past([1]), 0],
  [past([1, 2, 3]), past([1, 2, 4, 5]), 2],
  [past([1, 2]), past([1, 2, 3]), 2],
  // The same picture, and another.
  [past([1, 0, 0, 2], [1, 'x']), past([1, 0, 0, 3], [1, 'x']), 3],
  [past([1, 0, 0, 2], [1, 'x']), past([1, 0, 0, 2], [1, 'y']), 1],
  // A picture where the other has the tokens that stand for one.
  [past([1, 0, 0, 2], [1, 'x']), past([1, 0, 0, 2]), 1],
  // Two pictures, of which the second differs.
  [past([0, 0, 5, 0, 0], [0, 'x'], [3, 'y']), past([0, 0, 5, 0, 0], [0, 'x'], [3, 'z']), 3],
  // A picture that one past holds only the first token of.
  [past([1, 0], [1, 'x']), past([1, 0, 0], [1, 'x']), 2],
  // The pictures agree further than the tokens do.
  [past([1, 0, 0, 2, 0, 0], [1, 'x'], [4, 'x']), past([1, 0, 0, 3, 0, 0], [1, 'x'], [4, 'x']), 3],
])('%j and %j begin with the same %i tokens', (a, b, length) => {
  expect(commonPrefix(a, b)).toBe(length);
  expect(commonPrefix(b, a)).toBe(length);
});
