import { EdgeVlmError } from '../core/errors.js';
import type { ImagePreprocessing, PreparedImage } from '../core/image.js';
import { decodeImage, type DecodedImage } from './intake/decode-image.js';
import type { ImageLimits } from './intake/image-limits.js';
import type { ImageSource } from './intake/read-image-bytes.js';
import { preprocessOnWorker } from './preprocess/preprocess-pool.js';
import { checkPreprocessing, cutIntoTiles, longestEdge } from './preprocess/preprocessors.js';

/** Up to this many pixels, in and out, the work takes some ten milliseconds: less than starting a thread. */
const INLINE_PIXELS = 512 * 512;

/**
 * A picture, ready for a model's vision tower.
 *
 * @throws EdgeVlmError as {@link decodeImage} does; `MODEL_UNSUPPORTED` for senseless `preprocessing`; `OUT_OF_MEMORY`
 */
export async function prepareImage(source: ImageSource, preprocessing: ImagePreprocessing, limits?: ImageLimits): Promise<PreparedImage> {
  return preprocessImage(await decodeImage(source, limits), preprocessing);
}

/** The second half of {@link prepareImage}, for pixels that were not decoded from a file: a camera's frame, a drawing. */
export async function preprocessImage(image: DecodedImage, preprocessing: ImagePreprocessing): Promise<PreparedImage> {
  checkPreprocessing(preprocessing);
  const { width, height, rgb, hash } = image;
  if (width < 1 || height < 1 || rgb.length !== width * height * 3) {
    throw new EdgeVlmError('IMAGE_CORRUPT', `${rgb.length} bytes do not make a picture of ${width}×${height} pixels`);
  }
  const job = { image: { width, height, rgb }, preprocessing };
  const pixels = Math.max(width * height, longestEdge(preprocessing) ** 2);
  const tiling = pixels <= INLINE_PIXELS ? cutIntoTiles(job.image, preprocessing) : await preprocessOnWorker(job);
  return { ...tiling, hash };
}
