import type { ImagePreprocessing, PreparedImage } from '../../core/image.js';
import type { Raster } from '../../data/scenes/raster.js';
import { preprocessImage } from '../../vision/prepare-image.js';
import { decoded } from '../commands/eval-scene-pictures.js';

/** A drawn picture as a model takes it. */
export function preparedPicture(raster: Raster, vision: ImagePreprocessing): Promise<PreparedImage> {
  return preprocessImage(decoded(raster), vision);
}
