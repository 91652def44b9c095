import { describe, expect, it } from 'vitest';
import { resample } from './resample.js';

const grey = (width: number, levels: number[]) => ({
  width,
  height: levels.length / width,
  rgb: Uint8Array.from(levels.flatMap((level) => [level, level, level])),
});
const levels = ({ rgb }: { rgb: Uint8Array }) => [...rgb].filter((_, index) => index % 3 === 0);

describe('resample', () => {
  // PIL.Image.fromarray(np.uint8([...])).resize(size, LANCZOS), Pillow 13.0
  it.each([
    ['shrinks', 10, 1, 4, 1, [124, 70, 93, 113]],
    ['enlarges, with overshoot clipped', 4, 1, 9, 1, [0, 28, 129, 226, 234, 160, 73, 15, 0]],
    ['does both at once', 5, 4, 3, 7, [107, 141, 25, 90, 140, 53, 69, 137, 89, 84, 136, 60, 87, 129, 72, 44, 116, 180, 13, 108, 252]],
  ])('%s as Pillow does', (_, width, height, toWidth, toHeight, expected) => {
    const source = Array.from({ length: width * height }, (_, i) => (i * i * 37 + (i % 2) * 180) % 256);
    expect(levels(resample(grey(width, source), toWidth, toHeight, 'lanczos'))).toEqual(expected);
  });

  it('keeps channels apart', () => {
    const pixel = { width: 1, height: 1, rgb: Uint8Array.of(10, 200, 90) };
    expect([...resample(pixel, 2, 1, 'lanczos').rgb]).toEqual([10, 200, 90, 10, 200, 90]);
  });

  it('returns a picture of the wanted size as it is', () => {
    const image = grey(2, [1, 2, 3, 4]);
    expect(resample(image, 2, 2, 'bicubic')).toBe(image);
  });

  it.each(['lanczos', 'bicubic'] as const)('a border is as if it had been drawn: %s', (filter) => {
    const image = { width: 7, height: 5, rgb: Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (i * i * 31) % 256) };
    for (const [left, top, right, bottom] of [
      [0, 3, 0, 4],
      [6, 0, 2, 0],
      [40, 1, 40, 2],
    ] as const) {
      const colour = [122, 0, 255] as const;
      const width = left + 7 + right;
      const drawn = Uint8Array.from({ length: width * (top + 5 + bottom) * 3 }, (_, i) => {
        const [x, y, channel] = [(Math.floor(i / 3) % width) - left, Math.floor(i / 3 / width) - top, i % 3];
        const isInside = x >= 0 && x < 7 && y >= 0 && y < 5;
        return (isInside ? image.rgb[(y * 7 + x) * 3 + channel] : colour[channel]) ?? NaN;
      });
      const canvas = { width, height: top + 5 + bottom, rgb: drawn };
      const border = { left, top, right, bottom, colour };
      for (const side of [3, 11, 30]) expect(resample(image, side, side, filter, border)).toEqual(resample(canvas, side, side, filter));
    }
  });
});
