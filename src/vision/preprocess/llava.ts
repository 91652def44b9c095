import type { ImageTile, LlavaPreprocessing } from '../../core/image.js';
import { resample } from './resample.js';
import type { Tiling } from './tiling.js';

/**
 * Pads a picture to a square with the model's mean colour and resizes it to the one tile that the tower sees, as LLaVA-1.5 and
 * MobileVLM do (`expand2square` and `process_images` in haotian-liu/LLaVA, `llava/mm_utils.py`, and in Meituan-AutoML/MobileVLM;
 * HF's LlavaImageProcessor with `do_pad`). HF's default for LLaVA crops the centre instead, which the models were not trained on.
 */
export function llavaTile(image: ImageTile, { tileSize, mean: [r, g, b] }: LlavaPreprocessing): Tiling {
  const { width, height } = image;
  const side = Math.max(width, height);
  const left = Math.floor((side - width) / 2);
  const top = Math.floor((side - height) / 2);
  const colour = [Math.trunc(r * 255), Math.trunc(g * 255), Math.trunc(b * 255)] as const;
  const border = { left, top, right: side - width - left, bottom: side - height - top, colour };
  return { tiles: [resample(image, tileSize, tileSize, 'bicubic', border)], rows: 0, columns: 0 };
}
