/** The picture formats EdgeVLM reads. SVG, PDF and every other loader of libvips stay closed: see `safe-sharp.ts`. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif';

/** How many leading bytes {@link sniffImageFormat} looks at. */
const HEAD_BYTES = 64;

/**
 * Tells a picture's format by its first bytes, whatever its file name says.
 *
 * @param bytes - the file, or at least its first 64 bytes
 * @returns the format, or `undefined` when the bytes open like none of the six
 */
export function sniffImageFormat(bytes: Uint8Array): ImageFormat | undefined {
  // latin1 maps each byte to one character, so string comparison is byte comparison.
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  if (head.startsWith('RIFF') && head.startsWith('WEBP', 8)) return 'webp';
  // The third and fourth are BigTIFF.
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((magic) => head.startsWith(magic))) return 'tiff';
  // ISO base media: box size, 'ftyp', then the major brand, its version and the compatible brands. HEIC is another brand.
  if (head.startsWith('ftyp', 4) && /avi[fs]/.test(head.slice(8))) return 'avif';
  return undefined;
}
