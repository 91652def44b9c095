import type { ImageTile } from '../core/image.js';
import type { VisionTowerShape } from './towers/vision-tower.js';

/**
 * Normalises a tile and cuts it into patches; what is left over at the right and at the bottom belongs to none.
 * @returns [grid² patches, 3 channels, patchSize rows, patchSize columns], patches row by row: the order of the tower's
 * convolution weights, so that the convolution is one matrix product
 */
export function tileToPatches(
  { rgb }: ImageTile,
  { imageSize, patchSize, grid, patchValues, mean, std }: Omit<VisionTowerShape, 'embedding'>,
): Float32Array {
  const patches = new Float32Array(grid * grid * patchValues);
  const area = patchSize * patchSize;
  const covered = grid * patchSize;
  for (let channel = 0; channel < 3; channel++) {
    const scale = 1 / (255 * (std[channel] ?? 1));
    const shift = (mean[channel] ?? 0) / (std[channel] ?? 1);
    for (let y = 0; y < covered; y++) {
      const patchRow = Math.floor(y / patchSize) * grid;
      const rowInPatch = channel * area + (y % patchSize) * patchSize;
      for (let x = 0; x < covered; x++) {
        const patch = patchRow + Math.floor(x / patchSize);
        patches[patch * patchValues + rowInPatch + (x % patchSize)] = (rgb[(y * imageSize + x) * 3 + channel] ?? 0) * scale - shift;
      }
    }
  }
  return patches;
}
