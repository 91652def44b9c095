import type { Random } from './random.js';
import type { SignedDistance } from './signed-distance.js';
import type { Rgb } from './vocabulary.js';

/** A square RGB picture: `side` × `side` pixels, 3 bytes each, rows from the top. */
export interface Raster {
  readonly side: number;
  readonly pixels: Uint8Array;
}

/** Where and how one shape is drawn, in pixels; `angle` turns it anticlockwise, in radians. */
export interface Placement {
  readonly distance: SignedDistance;
  readonly rgb: Rgb;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly angle: number;
}

/** Pixels that hold at least half of the object: left and top are inside, right and bottom are one past it. */
export type Box = [left: number, top: number, right: number, bottom: number];

/** A drawn object. */
export interface Drawn {
  readonly box: Box;
  /** Where in `pixels` those pixels start that lie at least one pixel inside the edge. */
  readonly interior: readonly number[];
}

/** A plain colour that shades linearly by `slope` levels from one side to the other, with noise of ± `noise` levels. */
export interface Background {
  readonly rgb: Rgb;
  readonly slope: readonly [horizontal: number, vertical: number];
  readonly noise: number;
}

export function drawBackground(side: number, background: Background, random: Random): Raster {
  const pixels = new Uint8ClampedArray(side * side * 3);
  const [red, green, blue] = background.rgb;
  const span = 2 * background.noise + 1;
  let at = 0;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      // One draw gives the noise of all three channels, ten bits each.
      const bits = background.noise === 0 ? 0 : random.bits();
      const shade = background.slope[0] * (x / side - 0.5) + background.slope[1] * (y / side - 0.5) - background.noise;
      pixels[at++] = red + shade + (((bits & 1023) * span) >> 10);
      pixels[at++] = green + shade + ((((bits >>> 10) & 1023) * span) >> 10);
      pixels[at++] = blue + shade + ((((bits >>> 20) & 1023) * span) >> 10);
    }
  }
  return { side, pixels: new Uint8Array(pixels.buffer) };
}

/** Draws a shape with edges smoothed over one pixel. */
export function drawShape({ side, pixels }: Raster, placement: Placement): Drawn {
  const { distance, rgb, x: cx, y: cy, radius, angle } = placement;
  const reach = 1.35 * radius + 1;
  const cos = Math.cos(angle) / radius;
  const sin = Math.sin(angle) / radius;
  const box: Box = [side, side, 0, 0];
  const interior: number[] = [];
  const first = (middle: number): number => Math.max(0, Math.floor(middle - reach));
  const last = (middle: number): number => Math.min(side - 1, Math.ceil(middle + reach));
  for (let y = first(cy); y <= last(cy); y++) {
    for (let x = first(cx); x <= last(cx); x++) {
      const dx = x + 0.5 - cx;
      const dy = cy - (y + 0.5);
      const depth = 0.5 - radius * distance(dx * cos + dy * sin, dy * cos - dx * sin);
      const coverage = Math.min(1, depth);
      if (coverage <= 0) continue;
      const at = (y * side + x) * 3;
      if (depth >= 1.5) interior.push(at);
      for (let channel = 0; channel < 3; channel++) {
        const under = pixels[at + channel] ?? 0;
        pixels[at + channel] = Math.round(under + ((rgb[channel] ?? 0) - under) * coverage);
      }
      if (coverage < 0.5) continue;
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x + 1);
      box[3] = Math.max(box[3], y + 1);
    }
  }
  return { box, interior };
}
