import type { Raster } from '../raster.js';

/** A Gaussian blur of `sigma` pixels, in place; beyond the edge the picture goes on as it ends. */
export function blur({ side, pixels }: Raster, sigma: number): void {
  const reach = Math.ceil(2.2 * sigma);
  // The middle weight and those to one side of it; the other side has the same.
  const half = Array.from({ length: reach + 1 }, (_, tap) => Math.exp(-(tap ** 2) / (2 * sigma * sigma)));
  const total = 2 * half.reduce((sum, weight) => sum + weight, 0) - 1;
  const weights = Float64Array.from(half, (weight) => weight / total);
  const middle = weights[0] ?? 1;
  const line = new Float64Array(side + 2 * reach);
  for (const [step, next] of [
    [3, 3 * side],
    [3 * side, 3],
  ] as const) {
    for (let channel = 0; channel < 3; channel++) {
      for (let row = 0; row < side; row++) {
        const start = row * next + channel;
        for (let i = 0; i < side; i++) line[i + reach] = pixels[start + i * step] ?? 0;
        line.fill(line[reach] ?? 0, 0, reach);
        line.fill(line[side + reach - 1] ?? 0, side + reach);
        for (let i = 0; i < side; i++) {
          const at = i + reach;
          let sum = middle * (line[at] ?? 0) + 0.5;
          for (let tap = 1; tap <= reach; tap++) sum += (weights[tap] ?? 0) * ((line[at - tap] ?? 0) + (line[at + tap] ?? 0));
          pixels[start + i * step] = sum;
        }
      }
    }
  }
}
