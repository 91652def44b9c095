import type { ImagePreprocessing, ImageTile } from '../../core/image.js';
import { EdgeVlmError } from '../../core/errors.js';
import { idefics3Tiles } from './idefics3.js';
import type { Tiling } from './tiling.js';

/**
 * Cuts a picture into tiles. Pure and synchronous: it may run on any thread.
 *
 * @param image - the upright picture, 8-bit sRGB
 */
export type Preprocessor = (image: ImageTile, preprocessing: ImagePreprocessing) => Tiling;

/** Every kind of preprocessing, named by the projector family that wants it. A new family is one file and one row. */
export const PREPROCESSORS: Record<ImagePreprocessing['kind'], Preprocessor> = {
  idefics3: idefics3Tiles,
};

/**
 * Checks parameters that came from a model file, before anything is allocated by them.
 *
 * @throws EdgeVlmError `MODEL_UNSUPPORTED`
 */
export function checkPreprocessing({ tileSize, longestEdge, mean, std }: ImagePreprocessing): void {
  const refuse = (what: string): never => {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `the model asks for impossible pictures: ${what}`);
  };
  if (!Number.isInteger(tileSize) || tileSize < 16 || tileSize > 4096) refuse(`tiles of ${tileSize} pixels`);
  if (!Number.isInteger(longestEdge) || longestEdge < 1) refuse(`a longest edge of ${longestEdge} pixels`);
  if (!mean.every(Number.isFinite)) refuse(`a mean of ${mean.join(', ')}`);
  if (!std.every((deviation) => Number.isFinite(deviation) && deviation > 0)) refuse(`a deviation of ${std.join(', ')}`);
}
