import { checkWholeNumber } from '../check-whole-number.js';
import { writeDataSet, type DataSetTarget } from '../write-data-set.js';
import type { AlbumTruth } from './album-truth.js';
import { albumSettings, generateAlbum, type AlbumOptions } from './generate-album.js';

export interface WriteAlbumsOptions extends Omit<AlbumOptions, 'index'>, DataSetTarget {
  /** How many albums, from 1; their indices are 0 to count − 1. */
  readonly count: number;
}

/**
 * Writes `images/000000-01.png`, … and `album.jsonl` (one {@link AlbumTruth} a line), the latter last.
 * Repeating an interrupted call draws only the pictures that are missing.
 * @returns the SHA-256 of `album.jsonl`, in hex.
 * @throws EdgeVlmError USAGE for a bad option or a folder of other albums, FILE_UNWRITABLE, CANCELLED.
 */
export async function writeAlbums(options: WriteAlbumsOptions): Promise<string> {
  const { count, split, seed } = options;
  checkWholeNumber('count', count, 1, Number.MAX_SAFE_INTEGER);
  const settings = albumSettings({ ...options, index: 0 });
  return writeDataSet({
    ...options,
    label: 'draw albums',
    picturesPerRecord: settings.pictures,
    settings: { split, seed, ...settings },
    settingsFile: 'albums.json',
    recordsFile: 'album.jsonl',
    draw: (index) => {
      const { truth, rasters } = generateAlbum({ split, seed, index, ...settings });
      const record = albumRecord(truth);
      return {
        record,
        pictures: rasters.map((raster, at) => ({ file: record.pictures[at]?.file ?? '', raster })),
      };
    },
  });
}

/** A truth as it is written: with the files of its pictures. */
export function albumRecord(truth: AlbumTruth): AlbumTruth {
  const album = String(truth.index).padStart(6, '0');
  const pictures = truth.pictures.map((picture) => ({
    ...picture,
    file: `images/${album}-${String(picture.number).padStart(2, '0')}.png`,
  }));
  return { ...truth, pictures };
}
