import type { ImagePreprocessing, ImageTile } from '../../core/image.js';
import { EdgeVlmError } from '../../core/errors.js';
import { idefics3Tiles } from './idefics3.js';
import { llavaTile } from './llava.js';
import type { Tiling } from './tiling.js';

/**
 * Cuts a picture into tiles, in the way of the family that wants it. Pure and synchronous: it may run on any thread. A new family
 * is one file and one case.
 *
 * @param image - the upright picture, 8-bit sRGB
 */
export function cutIntoTiles(image: ImageTile, preprocessing: ImagePreprocessing): Tiling {
  switch (preprocessing.kind) {
    case 'idefics3':
      return idefics3Tiles(image, preprocessing);
    case 'llava':
      return llavaTile(image, preprocessing);
  }
}

/** The longest edge of a picture on its way through the preprocessor, pixels. */
export function longestEdge(preprocessing: ImagePreprocessing): number {
  return preprocessing.kind === 'idefics3' ? preprocessing.longestEdge : preprocessing.tileSize;
}

/**
 * Checks parameters that came from a model file, before anything is allocated by them.
 *
 * @throws EdgeVlmError `MODEL_UNSUPPORTED`
 */
export function checkPreprocessing(preprocessing: ImagePreprocessing): void {
  const { tileSize, mean, std } = preprocessing;
  const edge = longestEdge(preprocessing);
  const refuse = (what: string): never => {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `the model asks for impossible pictures: ${what}`);
  };
  if (!Number.isInteger(tileSize) || tileSize < 16 || tileSize > 4096) refuse(`tiles of ${tileSize} pixels`);
  if (!Number.isInteger(edge) || edge < 1) refuse(`a longest edge of ${edge} pixels`);
  if (!mean.every(Number.isFinite)) refuse(`a mean of ${mean.join(', ')}`);
  // LLaVA's mean is also a colour.
  if (preprocessing.kind === 'llava' && !mean.every((level) => level >= 0 && level <= 1))
    refuse(`a border of the colour ${mean.join(', ')}`);
  if (!std.every((deviation) => Number.isFinite(deviation) && deviation > 0)) refuse(`a deviation of ${std.join(', ')}`);
}
