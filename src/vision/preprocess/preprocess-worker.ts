import { parentPort } from 'node:worker_threads';
import type { ImagePreprocessing, ImageTile } from '../../core/image.js';
import { cutIntoTiles } from './preprocessors.js';

/** What the pool asks of a worker: one picture at a time. The worker answers with a {@link Tiling}. */
export interface PreprocessJob {
  readonly image: ImageTile;
  readonly preprocessing: ImagePreprocessing;
}

parentPort?.on('message', ({ image, preprocessing }: PreprocessJob) => {
  const tiling = cutIntoTiles(image, preprocessing);
  // Crops own their memory, so it moves to the parent instead of being copied. An unresized tile may be the job's own copy.
  const memory = new Set(tiling.tiles.map((tile) => tile.rgb.buffer as ArrayBuffer));
  parentPort?.postMessage(tiling, [...memory]);
});
