import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import type { TimedPicture } from '../../bench/scenarios/precisions/precision-turn.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { ImagePreprocessing } from '../../core/image.js';
import { SceneTruth } from '../../data/scenes/truth.js';
import { writeScenes, type WriteScenesOptions } from '../../data/scenes/write-scenes.js';
import { decodeImage } from '../../vision/intake/decode-image.js';
import { preprocessImage } from '../../vision/prepare-image.js';
import { describedObjects } from './eval-scene-pictures.js';

/** Scenes as files, as users have pictures: reading and decoding them is part of what is timed. */
export class DrawnScenes {
  private constructor(
    private readonly folder: string,
    private readonly lines: readonly string[],
  ) {}

  /** Draws `count` pictures into the folder `out`. @throws as `writeScenes` */
  static async draw(options: WriteScenesOptions): Promise<DrawnScenes> {
    await writeScenes(options);
    const truths = await readFile(join(options.out, 'truths.jsonl'), 'utf8');
    return new DrawnScenes(options.out, truths.trimEnd().split('\n'));
  }

  /** SHA-256 of the truths of the first `count` pictures, as `data scenes --count` would write them. */
  sha256(count: number): string {
    const lines = this.lines.slice(0, count).map((line) => `${line}\n`);
    return createHash('sha256').update(lines.join('')).digest('hex');
  }

  /** Reads, decodes and prepares a picture, timed. */
  async read(index: number, preprocessing: ImagePreprocessing): Promise<TimedPicture> {
    const line = this.lines[index];
    if (line === undefined) throw new EdgeVlmError('INTERNAL', `picture ${index} was not drawn`);
    const { file, objects, caption, variants, questions } = Value.Parse(SceneTruth, JSON.parse(line));
    const begin = performance.now();
    const picture = await decodeImage(join(this.folder, file));
    const decoded = performance.now();
    const image = await preprocessImage(picture, preprocessing);
    return {
      truth: { objects: describedObjects(objects), captions: [caption, ...variants], questions },
      image,
      picture_ms: decoded - begin,
      preprocess_ms: performance.now() - decoded,
    };
  }
}
