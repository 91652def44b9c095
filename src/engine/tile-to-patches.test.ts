import { expect, it } from 'vitest';

import { tileToPatches } from './tile-to-patches.js';

it('cuts patches row by row, each channel after channel, as the convolution weights lie', () => {
  // Two by two patches of two by two pixels; red counts the pixels, green is its tenfold, blue is white.
  const rgb = Uint8Array.from(Array.from({ length: 16 }, (_, pixel) => [pixel, 10 * pixel, 255]).flat());
  const shape = { imageSize: 4, patchSize: 2, grid: 2, patchValues: 12, mean: [0, 0, 1], std: [1 / 255, 1 / 255, 0.5] } as const;
  const patches = tileToPatches({ width: 4, height: 4, rgb }, shape);
  const rounded = [...patches].map((value) => Math.round(value * 1000) / 1000);
  expect(rounded.slice(0, 12)).toEqual([0, 1, 4, 5, 0, 10, 40, 50, 0, 0, 0, 0]);
  expect(rounded.slice(12, 20)).toEqual([2, 3, 6, 7, 20, 30, 60, 70]);
  expect(rounded.slice(24, 28)).toEqual([8, 9, 12, 13]);
});

it('leaves out pixels that do not fill a patch, as the convolution does', () => {
  const rgb = Uint8Array.from(Array.from({ length: 25 }, (_, pixel) => [pixel, pixel, pixel]).flat());
  const shape = { imageSize: 5, patchSize: 2, grid: 2, patchValues: 12, mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] } as const;
  const patches = [...tileToPatches({ width: 5, height: 5, rgb }, shape)].map((value) => Math.round(value));
  expect(patches.slice(0, 4)).toEqual([0, 1, 5, 6]);
  expect(patches.slice(36, 40)).toEqual([12, 13, 17, 18]);
});
