import type { Random } from '../scenes/random.js';
import { fillWithNoise } from './gaussian-noise.js';

/** Values on a grid of beams (rows) and depths (columns). */
export interface PolarGrid {
  readonly beams: number;
  readonly depths: number;
  /** Beam by beam, from the probe downwards. */
  readonly values: Float32Array;
}

/** How wide an echo is blurred, in samples. */
export interface PointSpread {
  readonly axial: number;
  readonly lateral: number;
}

/**
 * Fully developed speckle: the magnitude of complex Gaussian scatterers seen through a Gaussian point spread function, hence Rayleigh
 * distributed; its root mean square is 1. Source: Wagner et al., "Statistics of Speckle in Ultrasound B-Scans", 1983.
 */
export function speckle(beams: number, depths: number, { axial, lateral }: PointSpread, random: Random): PolarGrid {
  const parts = [0, 1].map(() => {
    const part = new Float32Array(beams * depths);
    fillWithNoise(part, random);
    smooth(part, { lines: beams, length: depths, step: 1, next: depths }, axial);
    smooth(part, { lines: depths, length: beams, step: depths, next: 1 }, lateral);
    return part;
  });
  const values = new Float32Array(beams * depths);
  let power = 0;
  for (let at = 0; at < values.length; at++) {
    const square = parts.reduce((sum, part) => sum + (part[at] ?? 0) ** 2, 0);
    values[at] = Math.sqrt(square);
    power += square;
  }
  const scale = 1 / Math.sqrt(power / values.length);
  for (let at = 0; at < values.length; at++) values[at] = (values[at] ?? 0) * scale;
  return { beams, depths, values };
}

/** Convolves every line with a Gaussian of `sigma` samples, in place; lines go on round their ends. */
function smooth(
  values: Float32Array,
  { lines, length, step, next }: { lines: number; length: number; step: number; next: number },
  sigma: number,
): void {
  const reach = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, tap) => Math.exp(-((tap - reach) ** 2) / (2 * sigma * sigma)));
  const line = new Float32Array(length);
  for (let row = 0; row < lines; row++) {
    for (let i = 0; i < length; i++) line[i] = values[row * next + i * step] ?? 0;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let tap = -reach; tap <= reach; tap++) sum += (weights[tap + reach] ?? 0) * (line[(i + tap + length) % length] ?? 0);
      values[row * next + i * step] = sum;
    }
  }
}
