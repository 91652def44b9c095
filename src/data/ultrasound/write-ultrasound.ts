import { writeFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import sharp from 'sharp';
import { checkWholeNumber } from '../check-whole-number.js';
import { fillPictureFolder, type FilledFolder } from '../fill-picture-folder.js';
import type { DataSetTarget } from '../write-data-set.js';
import { drawUltrasound } from './draw-ultrasound.js';

export interface WriteUltrasoundOptions extends DataSetTarget {
  /** How many pictures, from 1. */
  readonly count: number;
  readonly seed: number;
}

/**
 * Writes `000000.png`, … as greyscale PNG. An interrupted call can be repeated, and a larger count adds pictures.
 * @throws EdgeVlmError as `fillPictureFolder`
 */
export async function writeUltrasound(options: WriteUltrasoundOptions): Promise<FilledFolder> {
  const { count, seed } = options;
  checkWholeNumber('count', count, 1, Number.MAX_SAFE_INTEGER);
  checkWholeNumber('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  return fillPictureFolder({
    ...options,
    label: 'draw pictures',
    settings: { kind: 'ultrasound', seed },
    settingsFile: 'dummy.json',
    pictures: Array.from({ length: count }, (_, index) => ({
      name: `${String(index).padStart(6, '0')}.png`,
      write: async (path: string) => {
        // Drawing takes this thread; Ctrl-C must come through.
        await setImmediate();
        const { width, height, pixels } = drawUltrasound(seed, index);
        await writeFile(
          path,
          await sharp(pixels, { raw: { width, height, channels: 1 } })
            .toColourspace('b-w')
            .png()
            .toBuffer(),
        );
      },
    })),
  });
}
