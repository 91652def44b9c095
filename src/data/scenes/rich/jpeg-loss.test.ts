import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { generateScene } from '../generate-scene.js';
import { jpegLoss } from './jpeg-loss.js';

const difference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, level, at) => sum + Math.abs(level - (b[at] ?? NaN)), 0) / a.length;

async function throughSharp(pixels: Uint8Array, side: number, quality: number): Promise<Uint8Array> {
  const raw = { width: side, height: side, channels: 3 } as const;
  const jpeg = await sharp(pixels, { raw }).jpeg({ quality, chromaSubsampling: '4:2:0' }).toBuffer();
  return new Uint8Array(await sharp(jpeg).raw().toBuffer());
}

describe('jpegLoss', () => {
  it.each([
    [92, 128],
    [75, 128],
    [50, 128],
    [30, 72],
  ])('at quality %i does to %i pixels what a JPEG library does', async (quality, side) => {
    const { pixels } = generateScene({ split: 'test', seed: 1, index: 4, style: 'plain', maxObjects: 9, side });
    const ours = pixels.slice();
    jpegLoss({ side, pixels: ours }, quality);
    const theirs = await throughSharp(pixels, side, quality);
    // Not exactly: libraries calculate in integers, and no two alike.
    expect(difference(ours, theirs)).toBeLessThan(0.6);
    expect(difference(ours, theirs)).toBeLessThan(difference(pixels, theirs) / 3);
  });

  it('keeps greys grey', () => {
    const pixels = Uint8Array.from({ length: 48 * 48 * 3 }, (_, at) => (Math.floor(at / 3) * 37) % 256);
    jpegLoss({ side: 48, pixels }, 50);
    for (let at = 0; at < pixels.length; at += 3) expect(new Set(pixels.subarray(at, at + 3)).size).toBe(1);
  });
});
