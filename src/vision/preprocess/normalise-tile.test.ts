import { expect, it } from 'vitest';
import { normaliseTile } from './normalise-tile.js';

it('gives planes of (pixel / 255 - mean) / std', () => {
  const tile = { width: 2, height: 1, rgb: Uint8Array.of(0, 51, 255, 255, 102, 0) };
  const expected = [(0 - 0.5) / 0.5, (1 - 0.5) / 0.5, (0.2 - 0.4) / 0.2, (0.4 - 0.4) / 0.2, (1 - 0.25) / 0.5, (0 - 0.25) / 0.5];
  const values = normaliseTile(tile, [0.5, 0.4, 0.25], [0.5, 0.2, 0.5]);
  expect(values).toHaveLength(6);
  values.forEach((value, index) => {
    expect(value).toBeCloseTo(expected[index] ?? NaN, 6);
  });
});
