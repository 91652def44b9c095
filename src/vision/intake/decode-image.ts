import { createHash, webcrypto } from 'node:crypto';
import type { OutputInfo, Sharp } from 'sharp';
import { EdgeVlmError } from '../../core/errors.js';
import { cmykToRgb } from './cmyk-to-rgb.js';
import { sniffImageFormat } from './image-format.js';
import { DEFAULT_IMAGE_LIMITS, type ImageLimits } from './image-limits.js';
import { describeSource, readImageBytes, type ImageSource } from './read-image-bytes.js';
import { sharp } from './safe-sharp.js';

/** JPEG's own. A longer edge within the pixel limit is a line, and resampling reaches along all of it for every output pixel. */
const MAX_EDGE = 65_535;

/** A picture as plain pixels, upright. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** `width * height * 3` bytes, 8-bit sRGB, rows top to bottom, interleaved. */
  readonly rgb: Uint8Array;
  /** SHA-256 over dimensions and pixels, hex: the same pixels give the same hash whatever file held them. */
  readonly hash: string;
}

/**
 * Decodes a picture that may come from anyone.
 *
 * The pixels are those HF's image processors see (Pillow, `exif_transpose`, then transformers' `convert_to_rgb`):
 * - EXIF orientation is applied;
 * - transparency is laid over white;
 * - greyscale and palettes become RGB, of an animation or a multi-page TIFF the first frame counts;
 * - CMYK without a profile goes by Pillow's formula.
 *
 * Two deliberate differences: an embedded ICC profile is converted to sRGB (Pillow ignores it), and 16-bit greyscale is scaled
 * to 8 bits (Pillow clips it, which turns such pictures white).
 *
 * @throws EdgeVlmError `FILE_NOT_FOUND`, `FILE_UNREADABLE`; `IMAGE_UNSUPPORTED` for anything but JPEG, PNG, WebP, GIF, TIFF and
 * AVIF; `IMAGE_CORRUPT` for damaged or cut-off data; `IMAGE_TOO_LARGE` over a limit
 */
export async function decodeImage(source: ImageSource, limits: ImageLimits = DEFAULT_IMAGE_LIMITS): Promise<DecodedImage> {
  const bytes = await readImageBytes(source, limits.maxBytes);
  if (sniffImageFormat(bytes) === undefined) {
    throw new EdgeVlmError('IMAGE_UNSUPPORTED', `${describeSource(source)} is not a JPEG, PNG, WebP, GIF, TIFF or AVIF picture`);
  }
  try {
    const { width, height, rgb } = await decodePixels(bytes, limits);
    return { width, height, rgb, hash: await hashPixels(width, height, rgb) };
  } catch (error) {
    throw asImageError(error, source, limits);
  }
}

async function decodePixels(bytes: Uint8Array, limits: ImageLimits): Promise<Omit<DecodedImage, 'hash'>> {
  // 'error' refuses cut-off data but, like Pillow, not the harmless oddities libvips only warns of.
  const picture = sharp(bytes, { failOn: 'error', autoOrient: true, limitInputPixels: limits.maxPixels });
  const header = await picture.metadata();
  if (header.width * header.height > limits.maxPixels) {
    throw new EdgeVlmError('IMAGE_TOO_LARGE', `it has ${header.width}×${header.height} pixels, the limit is ${limits.maxPixels}`);
  }
  if (Math.max(header.width, header.height) > MAX_EDGE) {
    throw new EdgeVlmError('IMAGE_TOO_LARGE', `it has ${header.width}×${header.height} pixels, an edge may have ${MAX_EDGE}`);
  }
  picture.timeout({ seconds: limits.maxSeconds });

  if (header.space === 'cmyk' && header.icc === undefined && !header.hasAlpha) {
    const { data, info } = await rawPixels(picture.pipelineColourspace('cmyk').toColourspace('cmyk'), 4);
    return { width: info.width, height: info.height, rgb: cmykToRgb(data) };
  }
  const { data, info } = await rawPixels(picture.flatten({ background: 'white' }).toColourspace('srgb'), 3);
  return { width: info.width, height: info.height, rgb: data };
}

async function rawPixels(picture: Sharp, channels: number): Promise<{ data: Uint8Array; info: OutputInfo }> {
  const { data, info } = await picture.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  if (info.channels !== channels) throw new EdgeVlmError('IMAGE_UNSUPPORTED', `it has ${info.channels} channels that are not colours`);
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), info };
}

/** The pixels' own digest is taken off this thread; it and the dimensions are then hashed together. */
async function hashPixels(width: number, height: number, rgb: Uint8Array): Promise<string> {
  const pixels = await webcrypto.subtle.digest('SHA-256', rgb);
  return createHash('sha256').update(`${width}x${height}:`).update(new Uint8Array(pixels)).digest('hex');
}

function asImageError(error: unknown, source: ImageSource, limits: ImageLimits): EdgeVlmError {
  const name = describeSource(source);
  if (error instanceof EdgeVlmError) return new EdgeVlmError(error.code, `${name} is refused: ${error.message}`, { cause: error });
  const detail = error instanceof Error ? error.message : String(error);
  if (detail.includes('pixel limit'))
    return new EdgeVlmError('IMAGE_TOO_LARGE', `${name} has more than ${limits.maxPixels} pixels`, { cause: error });
  if (detail.startsWith('timeout')) {
    return new EdgeVlmError('IMAGE_TOO_LARGE', `${name} took longer than ${limits.maxSeconds} s to decode`, { cause: error });
  }
  // libvips appends every decoder's complaint; the first says what is wrong.
  const [reason = ''] = detail.split('\n');
  return new EdgeVlmError('IMAGE_CORRUPT', `${name} cannot be decoded: ${reason.slice(0, 200)}`, { cause: error });
}
