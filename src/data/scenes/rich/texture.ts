import type { Random } from '../random.js';
import type { Raster } from '../raster.js';
import type { Rgb } from '../vocabulary.js';

export const TEXTURE_KINDS = ['shade', 'stripes', 'checks', 'dots', 'clouds', 'grain'] as const;

/** A background: every pixel is a mixture of two colours. */
export interface Texture {
  readonly kind: (typeof TEXTURE_KINDS)[number];
  readonly from: Rgb;
  readonly to: Rgb;
  /** Length of one repetition in pixels. */
  readonly period: number;
  /** Direction in radians. */
  readonly angle: number;
}

type Mixture = (x: number, y: number) => number;

const clamp = (x: number): number => Math.min(1, Math.max(0, x));
const fraction = (x: number): number => x - Math.floor(x);
/** A wave of period 1 between −1 and 1. */
const wave = (x: number): number => 4 * Math.abs(fraction(x) - 0.5) - 1;

/** Smooth noise: random values on a lattice, interpolated. */
function clouds(side: number, period: number, random: Random): Mixture {
  const width = Math.ceil(side / period) + 2;
  const lattice = Float64Array.from({ length: width * width }, () => random.uniform(0, 1));
  return (x, y) => {
    const column = Math.floor(x / period);
    const row = Math.floor(y / period);
    const u = x / period - column;
    const v = y / period - row;
    const at = row * width + column;
    const across = u * u * (3 - 2 * u);
    const top = (lattice[at] ?? 0) * (1 - across) + (lattice[at + 1] ?? 0) * across;
    const bottom = (lattice[at + width] ?? 0) * (1 - across) + (lattice[at + width + 1] ?? 0) * across;
    return top + (bottom - top) * v * v * (3 - 2 * v);
  };
}

function mixture(side: number, { kind, period, angle }: Texture, random: Random): Mixture {
  const cos = Math.cos(angle) / period;
  const sin = Math.sin(angle) / period;
  switch (kind) {
    case 'shade': {
      const [across, down] = [Math.cos(angle) / side, Math.sin(angle) / side];
      return (x, y) => clamp(0.5 + 0.8 * ((x - side / 2) * across + (y - side / 2) * down));
    }
    case 'stripes':
      return (x, y) => clamp(0.5 + 1.5 * wave(x * cos + y * sin));
    case 'checks':
      return (x, y) => clamp(0.5 + 4 * wave(x * cos + y * sin) * wave(y * cos - x * sin));
    case 'dots':
      return (x, y) => clamp(0.5 + period * (0.28 - Math.hypot(fraction(x * cos + y * sin) - 0.5, fraction(y * cos - x * sin) - 0.5)));
    case 'clouds': {
      const [coarse, fine] = [clouds(side, 3 * period, random), clouds(side, period, random)];
      return (x, y) => 0.7 * coarse(x, y) + 0.3 * fine(x, y);
    }
    case 'grain':
      return () => random.uniform(0, 1);
  }
}

/** Fills a new picture. */
export function drawTexture(side: number, texture: Texture, random: Random): Raster {
  const pixels = new Uint8Array(side * side * 3);
  const share = mixture(side, texture, random);
  const { from, to } = texture;
  const [red, green, blue] = [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
  let at = 0;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const t = share(x, y);
      pixels[at++] = from[0] + red * t + 0.5;
      pixels[at++] = from[1] + green * t + 0.5;
      pixels[at++] = from[2] + blue * t + 0.5;
    }
  }
  return { side, pixels };
}
