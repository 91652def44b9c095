import type { Random } from './random.js';
import { COLOUR_RGB, COLOURS, type Colour, type Rgb } from './vocabulary.js';

/** A colour that differs from `rgb` by at most `by` in each channel. */
export const jittered = (rgb: Rgb, by: number, random: Random): Rgb => [
  Math.round(rgb[0] + random.uniform(-by, by)),
  Math.round(rgb[1] + random.uniform(-by, by)),
  Math.round(rgb[2] + random.uniform(-by, by)),
];

/** Euclidean distance of two colours, 0 to 441. */
export const rgbDistance = (a: Rgb, b: Rgb): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

/** Distance of a colour from the nearest mixture of `from` and `to`. */
export function mixtureDistance(rgb: Rgb, from: Rgb, to: Rgb): number {
  const span: Rgb = [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
  const squared = span[0] ** 2 + span[1] ** 2 + span[2] ** 2;
  const along = (rgb[0] - from[0]) * span[0] + (rgb[1] - from[1]) * span[1] + (rgb[2] - from[2]) * span[2];
  const share = squared === 0 ? 0 : Math.min(1, Math.max(0, along / squared));
  return rgbDistance(rgb, [from[0] + share * span[0], from[1] + share * span[1], from[2] + share * span[2]]);
}

/**
 * How much nearer a colour is to the middle of its own name than to the middle of any other, as a distance in RGB: positive while
 * a person who knows only these names would still choose this one.
 */
export function nameMargin(rgb: Rgb, colour: Colour): number {
  const others = COLOURS.filter((name) => name !== colour).map((name) => rgbDistance(rgb, COLOUR_RGB[name]));
  return Math.min(...others) - rgbDistance(rgb, COLOUR_RGB[colour]);
}
