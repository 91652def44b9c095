import { describe, expect, it } from 'vitest';
import type { Idefics3Preprocessing } from '../../core/image.js';
import { idefics3Tiles } from './idefics3.js';

const smolvlm: Idefics3Preprocessing = {
  kind: 'idefics3',
  tileSize: 512,
  longestEdge: 2048,
  splitting: true,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};
const blank = (width: number, height: number) => ({ width, height, rgb: new Uint8Array(width * height * 3).fill(127) });

describe('idefics3Tiles', () => {
  // Rows and columns by Idefics3ImageProcessor.get_number_of_image_patches, transformers 5.23
  it.each([
    [640, 480, 3, 4],
    [480, 640, 4, 3],
    [100, 100, 4, 4],
    [1000, 10, 1, 4],
    [1, 3000, 4, 1],
  ])('%d × %d becomes %d rows of %d tiles and the whole', (width, height, rows, columns) => {
    const tiling = idefics3Tiles(blank(width, height), smolvlm);
    expect([tiling.rows, tiling.columns, tiling.tiles.length]).toEqual([rows, columns, rows * columns + 1]);
    expect(tiling.tiles.every((tile) => tile.width === 512 && tile.height === 512)).toBe(true);
    // A flat picture stays flat: no tile has an edge or a gap.
    const flat = blank(512, 512).rgb;
    expect(tiling.tiles.every((tile) => Buffer.compare(tile.rgb, flat) === 0)).toBe(true);
  });

  it('does not split what fits one tile', () => {
    const { rows, columns, tiles } = idefics3Tiles(blank(90, 40), { ...smolvlm, longestEdge: 512 });
    expect([rows, columns, tiles.length]).toEqual([0, 0, 1]);
  });

  it('gives one tile when told not to split', () => {
    const { rows, columns, tiles } = idefics3Tiles(blank(90, 40), { ...smolvlm, splitting: false });
    expect([rows, columns, tiles.length]).toEqual([0, 0, 1]);
  });

  it('orders tiles row by row', () => {
    const { width, height, rgb } = blank(64, 64);
    const quadrants = rgb.map((_, i) => 60 * (Math.floor(i / 3 / width / (height / 2)) * 2 + Math.floor(((i / 3) % width) / (width / 2))));
    const { tiles } = idefics3Tiles({ width, height, rgb: quadrants }, { ...smolvlm, tileSize: 32, longestEdge: 64 });
    expect(tiles.slice(0, 4).map((tile) => [...new Set(tile.rgb)])).toEqual([[0], [60], [120], [180]]);
  });
});
