import type { Random } from '../random.js';
import type { Raster } from '../raster.js';
import { blur } from './blur.js';
import { jpegLoss } from './jpeg-loss.js';

/** What a camera and a file format do to a picture, in this order. */
export interface Finish {
  /** Standard deviation of a Gaussian in pixels; 0 is sharp. */
  readonly blur: number;
  /** Multiplies each level's distance from the middle; 1 changes nothing. */
  readonly contrast: number;
  /** Levels added. */
  readonly brightness: number;
  /** Greatest noise of a pixel, in levels. */
  readonly noise: number;
  /** JPEG quality, or null for none. */
  readonly jpeg: number | null;
}

/** Bounds of what {@link pickFinish} draws. */
const LIMITS = { blur: 0.9, contrast: [0.85, 1.15], brightness: 25, noise: 12, jpeg: [50, 92] } as const;

export function pickFinish(side: number, random: Random): Finish {
  const { contrast, brightness, noise, jpeg } = LIMITS;
  return {
    blur: random.below(3) === 0 ? (random.uniform(0.35, LIMITS.blur) * side) / 128 : 0,
    contrast: random.uniform(contrast[0], contrast[1]),
    brightness: Math.round(random.uniform(-brightness, brightness)),
    noise: random.below(3) === 0 ? 2 + random.below(noise - 1) : 0,
    jpeg: random.below(3) === 0 ? jpeg[0] + random.below(jpeg[1] - jpeg[0] + 1) : null,
  };
}

/** The same picture without what could move a colour out of its class. */
const UNFINISHED: Finish = { blur: 0, contrast: 1, brightness: 0, noise: 0, jpeg: null };

/** A finish `share` as strong: 1 is the same, 0 is none. */
export function softened({ blur, contrast, brightness, noise, jpeg }: Finish, share: number): Finish {
  if (share === 0) return UNFINISHED;
  return {
    blur: blur * share,
    contrast: 1 + (contrast - 1) * share,
    brightness: Math.round(brightness * share),
    noise: Math.round(noise * share),
    jpeg: jpeg === null ? null : Math.round(100 - (100 - jpeg) * share),
  };
}

/** Maps every level and adds up to ± `noise`; one draw gives that of all three channels, ten bits each, `shift` bits apart. */
function addNoise(bytes: Uint8ClampedArray, levels: Float64Array, noise: number, shift: number, random: Random): void {
  const span = 2 * noise + 1;
  for (let at = 0; at < bytes.length; at += 3) {
    let bits = random.bits();
    for (let channel = at; channel < at + 3; channel++) {
      bytes[channel] = (levels[bytes[channel] ?? 0] ?? 0) + (((bits & 1023) * span) >> 10) - noise;
      bits >>>= shift;
    }
  }
}

/** Finishes a picture in place; in a `grey` one all channels get the same noise. */
export function applyFinish(raster: Raster, finish: Finish, grey: boolean, random: Random): void {
  const { contrast, brightness, noise, jpeg } = finish;
  if (finish.blur > 0) blur(raster, finish.blur);
  const bytes = new Uint8ClampedArray(raster.pixels.buffer, raster.pixels.byteOffset, raster.pixels.length);
  const levels = Float64Array.from({ length: 256 }, (_, level) => 128 + (level - 128) * contrast + brightness);
  if (noise === 0) for (let at = 0; at < bytes.length; at++) bytes[at] = levels[bytes[at] ?? 0] ?? 0;
  else addNoise(bytes, levels, noise, grey ? 0 : 10, random);
  if (jpeg !== null) jpegLoss(raster, jpeg);
}
