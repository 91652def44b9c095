import type { PictureFingerprint } from '../core/picture-fingerprint.js';
import type { DecodedImage } from './intake/decode-image.js';

/** Cells along each side; docs/SERVER.md has what was measured with them. */
const SIDE = 32;
/** Pixels of a cell that are looked at, about: of larger cells every second, third, … in both directions, so that no picture takes long. */
const PIXELS = 1024;

/**
 * The mean colour of every cell of a 32 by 32 grid over a picture. Cells of pictures with fewer pixels than cells repeat pixels.
 * @param image `rgb` as {@link DecodedImage} has it
 */
export function fingerprintPicture({ width, height, rgb }: Pick<DecodedImage, 'width' | 'height' | 'rgb'>): PictureFingerprint {
  const cells = new Uint8Array(SIDE * SIDE * 3);
  for (let row = 0; row < SIDE; row++) {
    const [top, bottom] = span(row, height);
    for (let column = 0; column < SIDE; column++) {
      const [left, right] = span(column, width);
      const step = Math.max(1, Math.floor(Math.sqrt(((bottom - top) * (right - left)) / PIXELS)));
      let [red, green, blue, count] = [0, 0, 0, 0];
      for (let line = 0, y = top; y < bottom; line++, y += step) {
        // Other columns in every line: stripes would be seen as one of their colours.
        for (let x = left + (line % Math.min(step, right - left)); x < right; x += step) {
          const at = 3 * (y * width + x);
          red += rgb[at] ?? 0;
          green += rgb[at + 1] ?? 0;
          blue += rgb[at + 2] ?? 0;
          count++;
        }
      }
      const mean = [red, green, blue].map((sum) => Math.round(sum / count));
      cells.set(mean, 3 * (row * SIDE + column));
    }
  }
  return { width, height, cells };
}

/** The pixels of a cell along one side: at least one. */
function span(cell: number, length: number): [from: number, to: number] {
  const from = Math.floor((cell * length) / SIDE);
  return [from, Math.max(from + 1, Math.floor(((cell + 1) * length) / SIDE))];
}
