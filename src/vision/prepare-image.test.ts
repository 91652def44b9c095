import { describe, expect, it } from 'vitest';
import type { Idefics3Preprocessing, ImagePreprocessing } from '../core/image.js';
import { preprocessImage } from './prepare-image.js';
import { idefics3Tiles } from './preprocess/idefics3.js';
import { preprocessOnWorker } from './preprocess/preprocess-pool.js';

const SPLIT: Idefics3Preprocessing = {
  kind: 'idefics3',
  tileSize: 256,
  longestEdge: 768,
  splitting: true,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

const picture = (width: number, height: number, seed: number) => ({
  width,
  height,
  rgb: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * seed) % 251),
  hash: `picture ${seed}`,
});

describe('preprocessImage', () => {
  it('gives the same tiles on a worker thread as on this one, several at a time', async () => {
    const pictures = [3, 5, 7, 11, 13, 17].map((seed) => picture(300 + seed, 200, seed));
    const prepared = await Promise.all(pictures.map((image) => preprocessImage(image, SPLIT)));
    prepared.forEach(({ tiles, rows, columns, hash }, index) => {
      const image = pictures[index] ?? picture(1, 1, 1);
      expect(hash).toBe(image.hash);
      const expected = idefics3Tiles(image, SPLIT);
      expect([rows, columns, tiles.length]).toEqual([expected.rows, expected.columns, expected.tiles.length]);
      expect(tiles.every((tile, at) => Buffer.compare(tile.rgb, expected.tiles[at]?.rgb ?? new Uint8Array()) === 0)).toBe(true);
      // The picture itself stays with its owner.
      expect(image.rgb.length).toBe(image.width * image.height * 3);
    });
  });

  it('survives a job that throws: the next ones still get a worker', async () => {
    const impossible = { image: picture(300, 200, 3), preprocessing: { ...SPLIT, longestEdge: -5 } };
    for (let i = 0; i < 6; i++) await expect(preprocessOnWorker(impossible)).rejects.toMatchObject({ code: 'INTERNAL' });
    expect((await preprocessImage(picture(300, 200, 3), SPLIT)).rows).toBe(2);
  });

  it('refuses pixels that do not fill the picture', async () => {
    await expect(preprocessImage({ ...picture(30, 20, 3), height: 21 }, SPLIT)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
  });

  it('refuses a mean that is no colour, where pictures are padded with it', async () => {
    const padded: ImagePreprocessing = { kind: 'llava', tileSize: 32, mean: [0.5, 1.5, 0.5], std: [1, 1, 1] };
    await expect(preprocessImage(picture(9, 4, 1), padded)).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
  });

  it.each([{ tileSize: 0 }, { tileSize: 1e9 }, { longestEdge: Number.NaN }, { std: [0, 1, 1] as const }])(
    'refuses parameters no model can mean: %j',
    async (wrong) => {
      await expect(preprocessImage(picture(9, 9, 1), { ...SPLIT, ...wrong })).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' });
    },
  );
});
