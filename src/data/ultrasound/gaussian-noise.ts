import type { Random } from '../scenes/random.js';

/** Fills an array with normally distributed numbers, mean 0 and variance 1 (Box and Muller). */
export function fillWithNoise(values: Float32Array, random: Random): void {
  for (let at = 0; at < values.length; at += 2) {
    // The open end is at 0, where the logarithm has none.
    const radius = Math.sqrt(-2 * Math.log(1 - random.uniform(0, 1)));
    const angle = random.uniform(0, 2 * Math.PI);
    values[at] = radius * Math.cos(angle);
    if (at + 1 < values.length) values[at + 1] = radius * Math.sin(angle);
  }
}
