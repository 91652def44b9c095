import { createHash } from 'node:crypto';
import { access, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { EdgeVlmError } from '../../core/errors.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../core/progress.js';
import { generateScene, type SceneOptions } from './generate-scene.js';

export interface WriteScenesOptions extends Omit<SceneOptions, 'index'> {
  /** How many pictures, from 1; their indices are 0 to count − 1. */
  readonly count: number;
  /** The folder to fill; made if it does not exist. */
  readonly out: string;
  /** Told after every batch how many pictures are done. */
  readonly progress?: Progress;
  /** Stops between batches; pictures already written are kept and a later call goes on after them. */
  readonly signal?: AbortSignal;
}

/** Enough pictures in flight to keep libuv's threads encoding while the next are drawn. */
const BATCH = 32;

/** A file appears under its name only when it is whole. */
async function writeAtomically(file: string, contents: Uint8Array | string): Promise<void> {
  await writeFile(`${file}.part`, contents);
  await rename(`${file}.part`, file);
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** A folder holds one data set: a second call must ask for the same pictures (or more of them). */
async function claimFolder(out: string, settings: object): Promise<void> {
  const file = path.join(out, 'scenes.json');
  const wanted = `${JSON.stringify(settings, null, 2)}\n`;
  if (!(await exists(file))) return writeAtomically(file, wanted);
  if ((await readFile(file, 'utf8')) !== wanted) {
    throw new EdgeVlmError('USAGE', `${out} already holds scenes of other settings (see its scenes.json)`, {
      hint: 'Choose another folder, or repeat the command that filled this one.',
    });
  }
}

/**
 * Writes `images/000000.png`, … and `truths.jsonl` (one {@link SceneTruth} a line), the latter last.
 * Repeating an interrupted call draws only the pictures that are missing.
 * @returns the SHA-256 of `truths.jsonl`, in hex.
 * @throws EdgeVlmError USAGE for a bad option or a folder of other scenes, FILE_UNWRITABLE, CANCELLED.
 */
export async function writeScenes(options: WriteScenesOptions): Promise<string> {
  const { count, out, split, seed, side = 128, maxObjects = 1, progress = NO_PROGRESS, signal } = options;
  if (!Number.isSafeInteger(count) || count < 1) throw new EdgeVlmError('USAGE', `count must be a whole number from 1, not ${count}`);
  generateScene({ split, seed, index: 0, side, maxObjects });

  const task = new ProgressTask(progress, { label: 'draw scenes', unit: 'images', total: count });
  try {
    await mkdir(path.join(out, 'images'), { recursive: true });
    await claimFolder(out, { split, seed, side, maxObjects });
    const hash = createHash('sha256');
    const truths = path.join(out, 'truths.jsonl');
    await using lines = await open(`${truths}.part`, 'w');
    for (let start = 0; start < count; start += BATCH) {
      if (signal?.aborted) throw new EdgeVlmError('CANCELLED', `stopped after ${start} of ${count} scenes`);
      const indices = Array.from({ length: Math.min(BATCH, count - start) }, (_, offset) => start + offset);
      const batch = await Promise.all(
        indices.map(async (index) => {
          const { pixels, truth } = generateScene({ split, seed, index, side, maxObjects });
          const file = `images/${String(index).padStart(6, '0')}.png`;
          const target = path.join(out, file);
          if (!(await exists(target))) {
            const raw = { width: side, height: side, channels: 3 } as const;
            await writeAtomically(target, await sharp(pixels, { raw }).png({ compressionLevel: 3 }).toBuffer());
          }
          return `${JSON.stringify({ ...truth, file })}\n`;
        }),
      );
      await lines.appendFile(batch.join(''));
      hash.update(batch.join(''));
      task.advance(batch.length);
    }
    await lines.sync();
    await rename(`${truths}.part`, truths);
    return hash.digest('hex');
  } catch (error) {
    throw EdgeVlmError.from(error, 'FILE_UNWRITABLE');
  } finally {
    task.end();
  }
}
