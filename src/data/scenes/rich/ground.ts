import type { Random } from '../random.js';
import { jittered, mixtureDistance } from '../rgb.js';
import type { Rgb } from '../vocabulary.js';
import { TEXTURE_KINDS, type Texture } from './texture.js';

/** Least distance in RGB between an object's colour and every colour of the background, before the finish. */
const CONTRAST = 110;
/** Least difference of the channels of a background behind colourless objects only, so that no such picture looks greyscale. */
const CHROMA = 24;
/** Least difference between an object's grey and every grey of the background, before the finish. */
const GREY_CONTRAST = 70;

const chroma = (rgb: Rgb): number => Math.max(...rgb) - Math.min(...rgb);

function withColours(from: Rgb, to: Rgb, side: number, random: Random): Texture {
  const period = (random.uniform(5, 14) * side) / 128;
  return { kind: random.pick(TEXTURE_KINDS), from, to, period, angle: random.uniform(0, 2 * Math.PI) };
}

/** A background of muted colours on which objects of these colours can be seen. */
export function pickGround(side: number, objects: readonly Rgb[], random: Random): Texture {
  const colourless = objects.every((rgb) => chroma(rgb) < 2 * CHROMA);
  for (;;) {
    const grey = random.uniform(40, 215);
    const from = jittered([grey, grey, grey], random.pick([10, 30, 60]), random).map((level) => Math.min(255, Math.max(0, level)));
    const [red = 0, green = 0, blue = 0] = from;
    const to = jittered([red, green, blue], random.pick([0, 20, 40]), random).map((level) => Math.min(255, Math.max(0, level)));
    const [toRed = 0, toGreen = 0, toBlue = 0] = to;
    const ends: readonly [Rgb, Rgb] = [
      [red, green, blue],
      [toRed, toGreen, toBlue],
    ];
    if (colourless && ends.some((rgb) => chroma(rgb) < CHROMA)) continue;
    if (objects.some((rgb) => mixtureDistance(rgb, ...ends) < CONTRAST)) continue;
    return withColours(...ends, side, random);
  }
}

/** A background of greys, and a grey for each of `count` objects that can be seen on it. */
export function pickGreyGround(side: number, count: number, random: Random): { ground: Texture; greys: Rgb[] } {
  const from = Math.round(random.uniform(45, 210));
  const to = Math.round(from + random.uniform(-35, 35));
  const [low, high] = [Math.min(from, to) - GREY_CONTRAST, Math.max(from, to) + GREY_CONTRAST];
  const greys: Rgb[] = [];
  while (greys.length < count) {
    const grey = Math.round(random.uniform(8, 247));
    // One of the two always has room: the background spans at most 35 levels.
    if (grey <= low || grey >= high) greys.push([grey, grey, grey]);
  }
  return { ground: withColours([from, from, from], [to, to, to], side, random), greys };
}
