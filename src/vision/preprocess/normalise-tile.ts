import type { ImagePreprocessing, ImageTile } from '../../core/image.js';

/**
 * A tile as a vision tower's first convolution takes it: `(pixel / 255 - mean) / std`, planar.
 *
 * @returns `[channel, y, x]` row-major, 3 × height × width values, which ggml calls `ne = [width, height, 3]`
 */
export function normaliseTile(
  { width, height, rgb }: ImageTile,
  mean: ImagePreprocessing['mean'],
  std: ImagePreprocessing['std'],
): Float32Array {
  const plane = width * height;
  const values = new Float32Array(plane * 3);
  // HF folds the rescaling in: (pixel - 255 mean) / (255 std). The 256 possible results are looked up.
  const normalised = new Float32Array(256);
  for (const channel of [0, 1, 2] as const) {
    for (let level = 0; level < 256; level++) normalised[level] = (level - 255 * mean[channel]) / (255 * std[channel]);
    const offset = channel * plane;
    for (let pixel = 0; pixel < plane; pixel++) values[offset + pixel] = normalised[rgb[pixel * 3 + channel] ?? 0] ?? 0;
  }
  return values;
}
