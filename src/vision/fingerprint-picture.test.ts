import { expect, it } from 'vitest';
import { fingerprintDistance } from '../core/picture-fingerprint.js';
import { fingerprintPicture } from './fingerprint-picture.js';

function picture(width: number, height: number, colour: (x: number, y: number) => [number, number, number]) {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rgb.set(colour(x, y), 3 * (y * width + x));
  return { width, height, rgb };
}
const grey = (value: number): [number, number, number] => [value, value, value];

it('is the mean colour of every cell', () => {
  const { cells, width, height } = fingerprintPicture(picture(64, 128, (x, y) => [x < 32 ? 10 : 20, y % 2 === 0 ? 0 : 100, 7]));
  expect([width, height, cells.length]).toEqual([64, 128, 32 * 32 * 3]);
  expect([...cells.subarray(0, 3), ...cells.subarray(-3)]).toEqual([10, 50, 7, 20, 50, 7]);
});

it('pictures smaller than the grid, and of one pixel, have one too', () => {
  expect(fingerprintPicture(picture(5, 1, (x) => grey(50 * x))).cells.subarray(0, 3)).toEqual(Uint8Array.of(0, 0, 0));
  expect(new Set(fingerprintPicture(picture(1, 1, () => grey(9))).cells)).toEqual(new Set([9]));
});

it('distance is that of the cell that differs most, so a small thing that moved is seen and noise is not', () => {
  const empty = fingerprintPicture(picture(128, 128, () => grey(200)));
  const one = (left: number) =>
    fingerprintPicture(picture(128, 128, (x, y) => grey(x >= left && x < left + 4 && y >= 40 && y < 44 ? 0 : 200)));
  expect(fingerprintDistance(one(40), one(40))).toBe(0);
  expect(fingerprintDistance(one(40), one(80))).toBe(200);
  expect(fingerprintDistance(empty, one(80))).toBe(200);
  const noise = fingerprintPicture(picture(128, 128, (x, y) => grey(200 + ((x * 7 + y * 13) % 5) - 2)));
  expect(fingerprintDistance(empty, noise)).toBeLessThanOrEqual(1);
});

it('of a large picture not every pixel is looked at, and the means are nearly those of all', () => {
  const { cells } = fingerprintPicture(picture(3200, 1600, (x, y) => [x % 2 === 0 ? 0 : 200, y % 3 === 0 ? 0 : 30, 9]));
  for (const [i, mean] of [100, 20, 9].entries()) expect(Math.abs((cells[i] ?? NaN) - mean)).toBeLessThanOrEqual(5);
});

it('pictures of different sizes are never near', () => {
  const of = (side: number) => fingerprintPicture(picture(side, side, () => grey(1)));
  expect(fingerprintDistance(of(64), of(65))).toBe(Infinity);
});
