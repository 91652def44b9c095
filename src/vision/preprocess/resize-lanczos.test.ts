import { describe, expect, it } from 'vitest';
import { resizeLanczos } from './resize-lanczos.js';

const grey = (width: number, levels: number[]) => ({
  width,
  height: levels.length / width,
  rgb: Uint8Array.from(levels.flatMap((level) => [level, level, level])),
});
const levels = ({ rgb }: { rgb: Uint8Array }) => [...rgb].filter((_, index) => index % 3 === 0);

describe('resizeLanczos', () => {
  // PIL.Image.fromarray(np.uint8([...])).resize(size, LANCZOS), Pillow 13.0
  it.each([
    ['shrinks', 10, 1, 4, 1, [124, 70, 93, 113]],
    ['enlarges, with overshoot clipped', 4, 1, 9, 1, [0, 28, 129, 226, 234, 160, 73, 15, 0]],
    ['does both at once', 5, 4, 3, 7, [107, 141, 25, 90, 140, 53, 69, 137, 89, 84, 136, 60, 87, 129, 72, 44, 116, 180, 13, 108, 252]],
  ])('%s as Pillow does', (_, width, height, toWidth, toHeight, expected) => {
    const source = Array.from({ length: width * height }, (_, i) => (i * i * 37 + (i % 2) * 180) % 256);
    expect(levels(resizeLanczos(grey(width, source), toWidth, toHeight))).toEqual(expected);
  });

  it('keeps channels apart', () => {
    const pixel = { width: 1, height: 1, rgb: Uint8Array.of(10, 200, 90) };
    expect([...resizeLanczos(pixel, 2, 1).rgb]).toEqual([10, 200, 90, 10, 200, 90]);
  });

  it('returns a picture of the wanted size as it is', () => {
    const image = grey(2, [1, 2, 3, 4]);
    expect(resizeLanczos(image, 2, 2)).toBe(image);
  });
});
