import sharp from 'sharp';
import { captionedScene } from '../../shapes/hf-captions.js';

/** Scene `index` of what Hugging Face captioned, as the bytes of a PNG file. */
export async function scenePng(index: number): Promise<Uint8Array> {
  const { side, pixels } = captionedScene(index);
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}
