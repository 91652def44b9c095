import { setImmediate } from 'node:timers/promises';

import type { ShownAlbum } from '../../bench/scenarios/albums/albums-scenario.js';
import type { ImagePreprocessing } from '../../core/image.js';
import { generateAlbum, type AlbumOptions } from '../../data/albums/generate-album.js';
import { albumRecord } from '../../data/albums/write-albums.js';
import { preprocessImage } from '../../vision/prepare-image.js';
import { decoded, describedObjects } from './eval-scene-pictures.js';

/** Albums drawn in memory, each with the line of `album.jsonl` that `data albums` would write. */
export async function* evalAlbumPictures(
  options: Omit<AlbumOptions, 'index'>,
  { count, preprocessing }: { count: number; preprocessing: ImagePreprocessing },
): AsyncGenerator<ShownAlbum & { readonly line: string }, void, void> {
  for (let index = 0; index < count; index++) {
    // Drawing takes this thread: what was asked before must be on its way to the engine first.
    await setImmediate();
    const { truth, rasters } = generateAlbum({ ...options, index });
    const pictures = truth.pictures.map(({ prompt, objects, caption, variants }) => {
      return { prompt, objects: describedObjects(objects), captions: [caption, ...variants] };
    });
    yield {
      images: await Promise.all(rasters.map((raster) => preprocessImage(decoded(raster), preprocessing))),
      truth: { pictures, questions: truth.questions },
      line: `${JSON.stringify(albumRecord(truth))}\n`,
    };
  }
}
