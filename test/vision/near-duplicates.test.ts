import sharp from 'sharp';
import { expect, it } from 'vitest';
import { fingerprintDistance } from '../../src/core/picture-fingerprint.js';
import { smallFastCounter } from '../../src/core/small-fast-counter.js';
import { generateScene } from '../../src/data/scenes/generate-scene.js';
import { fingerprintPicture } from '../../src/vision/fingerprint-picture.js';

/** What docs/SERVER.md advises. */
const ADVISED = 8;
const SIDE = 256;
const SCENES = Number(process.env['EDGEVLM_SCENE_PAIRS'] ?? 24);

type Box = readonly [left: number, top: number, right: number, bottom: number];

/** The same picture with what is in the box moved to the side; where it was lies what is beside it. */
function moved(rgb: Uint8Array, [left, top, right, bottom]: Box, by: number): Uint8Array {
  const result = rgb.slice();
  const at = (x: number, y: number): number => 3 * (y * SIDE + x);
  for (let y = top; y < bottom; y++) {
    const beside = rgb.subarray(at(Math.max(0, left - 1), y), at(Math.max(0, left - 1), y) + 3);
    for (let x = left; x < right; x++) result.set(beside, at(x, y));
    for (let x = left; x < right; x++) {
      if (x + by >= 0 && x + by < SIDE) result.set(rgb.subarray(at(x, y), at(x, y) + 3), at(x + by, y));
    }
  }
  return result;
}

/** As a camera that stands still sees it again: other noise, and another JPEG. */
async function again(rgb: Uint8Array, seed: number): Promise<Uint8Array> {
  const next = smallFastCounter(seed);
  const noisy = Uint8Array.from(rgb, (value) => Math.max(0, Math.min(255, value + (next() % 11) - 5)));
  const raw = { width: SIDE, height: SIDE, channels: 3 as const };
  const jpeg = await sharp(noisy, { raw }).jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer();
  return sharp(jpeg).raw().toBuffer();
}

it.each(['plain', 'rich'] as const)('%s scenes: one object that moved a little is told from the same scene seen again', async (style) => {
  for (let index = 0; index < SCENES; index++) {
    const { pixels, truth } = generateScene({ split: 'test', seed: 77, index, side: SIDE, maxObjects: 4, style });
    const of = (rgb: Uint8Array) => fingerprintPicture({ width: SIDE, height: SIDE, rgb });
    const [object] = truth.objects;
    if (object === undefined) throw new Error('a scene has objects');
    const towards = object.box[0] > SIDE / 2 ? -1 : 1;
    const changed = fingerprintDistance(of(pixels), of(moved(pixels, object.box, (towards * SIDE) / 32)));
    expect(changed, `scene ${index}`).toBeGreaterThan(4 * ADVISED);
    expect(fingerprintDistance(of(pixels), of(await again(pixels, index))), `scene ${index}`).toBeLessThan(ADVISED);
  }
});
