import { describe, expect, it } from 'vitest';

import { generateScene } from '../generate-scene.js';
import { renderScene } from '../render-scene.js';
import { NAME_MARGIN } from '../rich/draw-rich-scene.js';
import { nameMargin, rgbDistance } from '../rgb.js';
import { COLOUR_RGB, POSITIONS, SIZE_JITTER, SIZE_RADIUS, STYLES, type Rgb } from '../vocabulary.js';

const SIDE = 128;
const options = (index: number, style: (typeof STYLES)[number] = 'rich') =>
  ({ split: 'test', seed: 3, index, style, maxObjects: 4 }) as const;
const many = Array.from({ length: 120 }, (_, index) => index);

/** The mean colour of the pixels of a box, all of them or those alike to a colour. */
function meanNear(
  pixels: Uint8Array,
  [left, top, right, bottom]: readonly number[],
  near: Rgb,
  within: number,
): { rgb: Rgb; share: number } {
  const sum = [0, 0, 0];
  let count = 0;
  for (let y = top ?? 0; y < (bottom ?? 0); y++) {
    for (let x = left ?? 0; x < (right ?? 0); x++) {
      const at = 3 * (y * SIDE + x);
      const rgb: Rgb = [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0];
      if (rgbDistance(rgb, near) > within) continue;
      for (const channel of [0, 1, 2]) sum[channel] = (sum[channel] ?? 0) + (rgb[channel] ?? 0);
      count++;
    }
  }
  const all = ((right ?? 0) - (left ?? 0)) * ((bottom ?? 0) - (top ?? 0));
  return { rgb: [(sum[0] ?? 0) / count, (sum[1] ?? 0) / count, (sum[2] ?? 0) / count], share: count / all };
}

describe.each(STYLES)('the svg renderer, %s', (style) => {
  it('tells the same truths of other pictures, the same ones every time', async () => {
    for (const index of many.slice(0, 10)) {
      const [usual, own] = [generateScene(options(index, style)), await renderScene(options(index, style), 'svg')];
      const withoutBoxes = ({ truth }: typeof own) => ({ ...truth, objects: truth.objects.map((object) => ({ ...object, box: [] })) });
      expect(withoutBoxes(own)).toEqual(withoutBoxes(usual));
      expect(own.pixels).toHaveLength(SIDE * SIDE * 3);
      expect(own.pixels).not.toEqual(usual.pixels);
      expect(await renderScene(options(index, style), 'svg')).toEqual(own);
    }
  });

  it('keeps to the sizes and positions that are stated', async () => {
    for (const index of many) {
      const { truth } = await renderScene(options(index, style), 'svg');
      for (const { shape, size, position, box } of truth.objects) {
        const [left, top, right, bottom] = box;
        const cell = POSITIONS.indexOf(position);
        const middle = [Math.floor((3 * (left + right)) / 2 / SIDE), Math.floor((3 * (top + bottom)) / 2 / SIDE)];
        expect(middle, `${index} ${shape} ${position}`).toEqual([cell % 3, Math.floor(cell / 3)]);
        // Shapes fill their extent to 0.78 at least in one direction and to 1.3 at most, turned ones.
        const half = Math.max(right - left, bottom - top) / 2 / SIDE / SIZE_RADIUS[size];
        expect(half, `${index} ${shape} ${size}`).toBeGreaterThan(0.78 * (1 - SIZE_JITTER));
        expect(half, `${index} ${shape} ${size}`).toBeLessThan(1.3 * (1 + SIZE_JITTER));
      }
    }
  });

  it('draws each object in a colour that bears its name', async () => {
    for (const index of many) {
      const { truth, pixels } = await renderScene(options(index, style), 'svg');
      for (const { shape, colour, box } of truth.objects) {
        if (colour === undefined) continue;
        const { rgb, share } = meanNear(pixels, box, COLOUR_RGB[colour], 70);
        // Even a thin ring or a 1 covers so much of its box.
        expect(share, `${index} ${colour} ${shape}`).toBeGreaterThan(0.12);
        expect(nameMargin(rgb, colour), `${index} ${colour} ${shape}`).toBeGreaterThan(NAME_MARGIN);
      }
    }
  });
});

it('pictures of greyscale scenes have no colour, also after JPEG', async () => {
  const grey = many.filter((index) => generateScene(options(index)).truth.greyscale === true);
  expect(grey.length).toBeGreaterThan(8);
  for (const index of grey) {
    const { pixels } = await renderScene(options(index), 'svg');
    let chroma = 0;
    for (let at = 0; at < pixels.length; at += 3) {
      const [red = 0, green = 0, blue = 0] = pixels.subarray(at, at + 3);
      chroma = Math.max(chroma, Math.max(red, green, blue) - Math.min(red, green, blue));
    }
    expect(chroma).toBeLessThan(4);
  }
});

it('is drawn as large as asked for', async () => {
  const { side, pixels, truth } = await renderScene({ ...options(0), side: 64 }, 'svg');
  expect([side, pixels.length]).toEqual([64, 64 * 64 * 3]);
  for (const { box } of truth.objects) expect(Math.max(...box)).toBeLessThanOrEqual(64);
});
