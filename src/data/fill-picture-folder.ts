import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { EdgeVlmError } from '../core/errors.js';
import { NO_PROGRESS, ProgressTask } from '../core/progress.js';
import { claimFolder } from './claim-folder.js';
import type { DataSetTarget } from './write-data-set.js';

/** One picture of a folder. */
export interface PictureToWrite {
  /** Its file in the folder: a plain name. */
  readonly name: string;
  /** Its size, where that is known before it is written. */
  readonly bytes?: number;
  /** Writes it to a path where nothing is. */
  readonly write: (path: string) => Promise<void>;
}

/** A flat folder of pictures, as `--image-dir` takes it. */
export interface PictureFolderPlan extends DataSetTarget {
  readonly label: string;
  readonly pictures: readonly PictureToWrite[];
  /** What decides the contents, kept in this JSON file: a folder holds pictures of one setting. */
  readonly settings: object;
  readonly settingsFile: string;
  /** Another file that the caller writes there afterwards. */
  readonly recordsFile?: string;
}

/** What is in the folder now. */
export interface FilledFolder {
  readonly written: number;
  /** Those of an earlier call. */
  readonly kept: number;
}

/**
 * Writes the pictures that are missing. Nothing that was there is overwritten, and a picture appears under its name only when it is
 * whole, so an interrupted call can be repeated.
 * @throws EdgeVlmError USAGE for a folder with other files of these names, or pictures of other settings; FILE_UNWRITABLE, CANCELLED
 */
export async function fillPictureFolder(plan: PictureFolderPlan): Promise<FilledFolder> {
  const { out, label, pictures, settings, settingsFile, progress = NO_PROGRESS, signal } = plan;
  const task = new ProgressTask(progress, { label, unit: 'images', total: pictures.length });
  let written = 0;
  try {
    await mkdir(out, { recursive: true });
    const present = new Set(await readdir(out));
    await refuseStrangers(plan, present);
    await claimFolder(out, settingsFile, settings);
    for (const { name, write } of pictures) {
      if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', `stopped after ${written} of ${pictures.length} pictures`);
      if (!present.has(name)) {
        const file = path.join(out, name);
        const part = path.join(out, `.${name}.part`);
        // Of a call that was killed.
        await rm(part, { force: true });
        await write(part);
        await rename(part, file);
        written++;
      }
      task.advance();
    }
    return { written, kept: pictures.length - written };
  } catch (thrown) {
    throw EdgeVlmError.from(thrown, 'FILE_UNWRITABLE');
  } finally {
    task.end();
  }
}

/** A file that has the name of one of ours must be it. */
async function refuseStrangers(plan: PictureFolderPlan, present: ReadonlySet<string>): Promise<void> {
  const { out, pictures, settingsFile, recordsFile } = plan;
  const isOurs = present.has(settingsFile);
  const files: { readonly name: string; readonly bytes?: number }[] = [
    ...pictures,
    ...(recordsFile === undefined ? [] : [{ name: recordsFile }]),
  ];
  for (const { name, bytes } of files) {
    if (!present.has(name)) continue;
    const { size } = await stat(path.join(out, name));
    if (isOurs && (bytes === undefined || size === bytes)) continue;
    throw new EdgeVlmError('USAGE', `${path.join(out, name)} exists and is not what would be written there`, {
      hint: 'Nothing was overwritten: choose an empty folder.',
    });
  }
}
