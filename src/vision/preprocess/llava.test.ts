import { describe, expect, it } from 'vitest';
import type { LlavaPreprocessing } from '../../core/image.js';
import { llavaTile } from './llava.js';

const CLIP: LlavaPreprocessing = { kind: 'llava', tileSize: 16, mean: [0.48145466, 0.4578275, 0.40821073], std: [0.27, 0.26, 0.28] };
const MEAN_COLOUR = [122, 116, 104];
const white = (width: number, height: number) => ({ width, height, rgb: new Uint8Array(width * height * 3).fill(255) });
const colourAt = (rgb: Uint8Array, x: number, y: number) => [...rgb.subarray((y * 16 + x) * 3, (y * 16 + x) * 3 + 3)];

describe('llavaTile', () => {
  it('centres a picture on the mean colour, the odd pixel below and to the right', () => {
    const wide = llavaTile(white(16, 5), CLIP);
    expect([wide.rows, wide.columns, wide.tiles.length]).toEqual([0, 0, 1]);
    const rows = Array.from({ length: 16 }, (_, y) => colourAt(wide.tiles[0]?.rgb ?? new Uint8Array(), 8, y));
    const expected = rows.map((_, y) => (y >= 5 && y < 10 ? [255, 255, 255] : MEAN_COLOUR));
    expect(rows).toEqual(expected);
    const tall = llavaTile(white(5, 16), CLIP);
    const columns = Array.from({ length: 16 }, (_, x) => colourAt(tall.tiles[0]?.rgb ?? new Uint8Array(), x, 8));
    expect(columns).toEqual(expected);
  });

  it('shows all of a square', () => {
    expect(llavaTile(white(40, 40), CLIP).tiles[0]).toEqual(white(16, 16));
  });

  it.each([
    [1, 65_535],
    [65_535, 1],
  ])('pads a line of %d × %d pixels without drawing the square around it', (width, height) => {
    const [tile] = llavaTile(white(width, height), CLIP).tiles;
    expect(colourAt(tile?.rgb ?? new Uint8Array(), 0, 0)).toEqual(MEAN_COLOUR);
  });
});
