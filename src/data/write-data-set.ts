import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { EdgeVlmError } from '../core/errors.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../core/progress.js';
import { claimFolder } from './claim-folder.js';
import type { Raster } from './scenes/raster.js';

/** Where a data set is written, and who hears of it. */
export interface DataSetTarget {
  /** The folder to fill; made if it does not exist. */
  readonly out: string;
  /** Told after every batch how many pictures are done. */
  readonly progress?: Progress;
  /** Stops between batches; pictures already written are kept and a later call goes on after them. */
  readonly signal?: AbortSignal;
}

/** One record and the pictures it is about. */
export interface DataSetEntry {
  readonly record: object;
  readonly pictures: readonly { readonly file: string; readonly raster: Raster }[];
}

/** A kind of data set: pictures, and a record of what is true of one or more of them. */
export interface DataSetPlan extends DataSetTarget {
  /** Names the work in progress reports. */
  readonly label: string;
  /** How many records. */
  readonly count: number;
  readonly picturesPerRecord: number;
  /** What decides the contents, kept in this JSON file: a folder holds data of one setting. */
  readonly settings: object;
  readonly settingsFile: string;
  /** The file of the records, one JSON object a line. */
  readonly recordsFile: string;
  /** Draws a record and its pictures; `file` is relative to `out`, in its folder `images`. */
  readonly draw: (index: number) => DataSetEntry | Promise<DataSetEntry>;
}

/** Pictures between two reports. */
const BATCH = 32;
/** While one record is drawn the pictures of the others are encoded and written by libuv's threads. */
const LANES = 8;

/** A file appears under its name only when it is whole. */
async function writeAtomically(file: string, contents: Uint8Array | string): Promise<void> {
  await writeFile(`${file}.part`, contents);
  await rename(`${file}.part`, file);
}

/** Results in the order of `items`, at most `LANES` being worked on at a time. */
async function inLanes<T>(items: readonly number[], work: (item: number) => Promise<T>): Promise<T[]> {
  const results = new Map<number, T>();
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) results.set(item, await work(item));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return items.flatMap((item) => results.get(item) ?? []);
}

/**
 * Writes the pictures as PNG and then the file of records, which appears only when it is whole. Repeating an interrupted call
 * encodes only the pictures that are missing.
 * @returns the SHA-256 of the records, in hex.
 * @throws EdgeVlmError USAGE for a folder of other data, FILE_UNWRITABLE, CANCELLED.
 */
export async function writeDataSet(plan: DataSetPlan): Promise<string> {
  const { out, count, picturesPerRecord, label, progress = NO_PROGRESS, signal } = plan;
  const task = new ProgressTask(progress, { label, unit: 'images', total: count * picturesPerRecord });
  try {
    await mkdir(path.join(out, 'images'), { recursive: true });
    await claimFolder(out, plan.settingsFile, plan.settings);
    const present = new Set((await readdir(path.join(out, 'images'))).map((name) => `images/${name}`));
    const hash = createHash('sha256');
    const records = path.join(out, plan.recordsFile);
    await using lines = await open(`${records}.part`, 'w');
    const batch = Math.max(1, Math.floor(BATCH / picturesPerRecord));
    for (let start = 0; start < count; start += batch) {
      if (signal?.aborted) throw new EdgeVlmError('CANCELLED', `stopped after ${start} of ${count} records`);
      const indices = Array.from({ length: Math.min(batch, count - start) }, (_, offset) => start + offset);
      const written = await inLanes(indices, async (index) => {
        const { record, pictures } = await plan.draw(index);
        const missing = pictures.filter(({ file }) => !present.has(file));
        await Promise.all(
          missing.map(async ({ file, raster: { side, pixels } }) => {
            const raw = { width: side, height: side, channels: 3 } as const;
            await writeAtomically(path.join(out, file), await sharp(pixels, { raw }).png({ compressionLevel: 3 }).toBuffer());
          }),
        );
        return `${JSON.stringify(record)}\n`;
      });
      await lines.appendFile(written.join(''));
      hash.update(written.join(''));
      task.advance(written.length * picturesPerRecord);
    }
    await lines.sync();
    await rename(`${records}.part`, records);
    return hash.digest('hex');
  } catch (error) {
    throw EdgeVlmError.from(error, 'FILE_UNWRITABLE');
  } finally {
    task.end();
  }
}
