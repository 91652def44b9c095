import { expect, it } from 'vitest';
import { blur } from './blur.js';

it('spreads a point by the standard deviation asked for, and keeps the sum', () => {
  const side = 15;
  const pixels = new Uint8Array(side * side * 3);
  pixels.fill(255, (7 * side + 7) * 3, (7 * side + 7) * 3 + 3);
  blur({ side, pixels }, 0.8);
  const row = Array.from({ length: side }, (_, x) =>
    Array.from({ length: side }, (_, y) => pixels[(y * side + x) * 3] ?? 0).reduce((a, b) => a + b),
  );
  const total = row.reduce((a, b) => a + b);
  expect(Math.abs(total - 255)).toBeLessThan(6);
  const variance = row.reduce((sum, weight, x) => sum + weight * (x - 7) ** 2, 0) / total;
  // The tails beyond 2.2 deviations are cut.
  expect(Math.sqrt(variance)).toBeCloseTo(0.75, 1);
});

it('leaves a flat picture flat up to its edges', () => {
  const pixels = new Uint8Array(12 * 12 * 3).fill(77);
  blur({ side: 12, pixels }, 0.9);
  expect(new Set(pixels)).toEqual(new Set([77]));
});
