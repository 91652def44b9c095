import { beforeAll, describe, expect, it } from 'vitest';
import type { ImagePreprocessing } from '../core/image.js';
import { decodeImage } from './intake/decode-image.js';
import { sharp } from './intake/safe-sharp.js';
import { prepareImages, type PreparedSource } from './prepare-images.js';

const PREPROCESSING: ImagePreprocessing = {
  kind: 'idefics3',
  tileSize: 32,
  longestEdge: 32,
  splitting: false,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/** Pictures of one colour each; every third is large, so it takes longer than those after it. */
const pictures: Uint8Array[] = [];
let hashes: string[];
beforeAll(async () => {
  for (let i = 0; i < 9; i++) {
    const side = i % 3 === 0 ? 900 : 8;
    pictures.push(
      await sharp({ create: { width: side, height: side, channels: 3, background: { r: 20 * i, g: 0, b: 99 } } })
        .png()
        .toBuffer(),
    );
  }
  hashes = await Promise.all(pictures.map(async (picture) => (await decodeImage(picture)).hash));
});

async function collect(results: AsyncIterable<PreparedSource>): Promise<PreparedSource[]> {
  const all: PreparedSource[] = [];
  for await (const result of results) all.push(result);
  return all;
}

describe('prepareImages', () => {
  it.each([1, 3, 20])('keeps the order of the sources, %d at once', async (concurrency) => {
    const results = await collect(prepareImages(pictures, PREPROCESSING, { concurrency }));
    expect(results.map((result) => ('image' in result ? result.image.hash : result.error.code))).toEqual(hashes);
    expect(results.map(({ source }) => source)).toEqual(pictures);
  });

  it('yields a failure in its place and goes on', async () => {
    const [good = new Uint8Array()] = pictures;
    const bad = Buffer.from('no picture');
    const results = await collect(prepareImages([good, bad, 'no-such-file.png', good], PREPROCESSING));
    expect(results.map((result) => ('image' in result ? 'ready' : result.error.code))).toEqual([
      'ready',
      'IMAGE_UNSUPPORTED',
      'FILE_NOT_FOUND',
      'ready',
    ]);
  });

  it('reads no further ahead of the consumer than it may', async () => {
    let taken = 0;
    const endless = (function* () {
      for (;;) yield pictures[taken++ % pictures.length] ?? new Uint8Array();
    })();
    let consumed = 0;
    for await (const result of prepareImages(endless, PREPROCESSING, { concurrency: 3 })) {
      expect(result).toHaveProperty('image');
      consumed++;
      // Give the stream every chance to run ahead.
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(taken - consumed).toBeLessThanOrEqual(2);
      if (consumed === 12) break;
    }
    // Leaving the loop closes the source.
    expect(endless.next().done).toBe(true);
  });

  it('reports every picture once it is prepared', async () => {
    const counts: number[] = [];
    await collect(
      prepareImages(pictures, PREPROCESSING, {
        onProgress: ({ prepared }) => counts.push(prepared),
      }),
    );
    expect(counts).toEqual(pictures.map((_, index) => index + 1));
  });

  it('stops when the signal aborts, even while the next source is awaited', async () => {
    const controller = new AbortController();
    const stalling = (async function* () {
      yield pictures[1] ?? new Uint8Array();
      await new Promise<never>(() => undefined);
    })();
    const results = prepareImages(stalling, PREPROCESSING, { signal: controller.signal, concurrency: 1 });
    expect((await results.next()).done).toBe(false);
    const stalled = results.next();
    controller.abort();
    await expect(stalled).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await results.next()).done).toBe(true);
  });

  it('refuses a concurrency of nothing', async () => {
    await expect(prepareImages(pictures, PREPROCESSING, { concurrency: 0 }).next()).rejects.toMatchObject({ code: 'USAGE' });
  });
});
