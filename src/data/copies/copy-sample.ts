import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, copyFile } from 'node:fs/promises';
import path from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { checkWholeNumber } from '../check-whole-number.js';
import { fillPictureFolder, type FilledFolder } from '../fill-picture-folder.js';
import { Random } from '../scenes/random.js';
import type { DataSetTarget } from '../write-data-set.js';
import { copiedTruths, TRUTHS_FILE } from './copied-truths.js';
import { findPictures } from './find-pictures.js';

export interface CopySampleOptions extends DataSetTarget {
  /** The folder to choose from, with the folders inside it. */
  readonly from: string;
  /** How many pictures, from 1. */
  readonly count: number;
  /** Another seed chooses others; of the same seed a larger count has those of a smaller one first. */
  readonly seed: number;
}

export interface CopiedSample extends FilledFolder {
  /** How many there were to choose from. */
  readonly available: number;
  /** Whether what is true of them was copied, too. */
  readonly truths: boolean;
}

/**
 * Copies a random sample of a folder's pictures, as `000000.png`, `000001.jpg`, …: their names, which may say whose they are, stay
 * behind. Where the folder has a `truths.jsonl` its lines come along. An interrupted call can be repeated; all pictures are copied
 * where there are fewer than `count`.
 * @throws EdgeVlmError FILE_NOT_FOUND for a folder without pictures, FILE_UNREADABLE; as `fillPictureFolder`
 */
export async function copySample(options: CopySampleOptions): Promise<CopiedSample> {
  const { from, out, count, seed } = options;
  checkWholeNumber('count', count, 1, Number.MAX_SAFE_INTEGER);
  checkWholeNumber('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  const found = await findPictures(from, out);
  if (found.length === 0) throw new EdgeVlmError('FILE_NOT_FOUND', `the folder ${from} holds no pictures`);
  const chosen = Random.of(`copy:${seed}`).sample(found, count);
  const named = chosen.map(({ file, bytes }, index) => {
    return { file, bytes, name: `${String(index).padStart(6, '0')}${path.extname(file).toLowerCase()}` };
  });
  const truths = await copiedTruths(from, new Map(named.map(({ file, name }) => [file, name])));
  const filled = await fillPictureFolder({
    ...options,
    ...(truths !== null && { recordsFile: TRUTHS_FILE }),
    label: 'copy pictures',
    settings: { seed, sourceSha256: createHash('sha256').update(JSON.stringify(found)).digest('hex') },
    settingsFile: 'sample.json',
    pictures: named.map(({ file, bytes, name }) => ({ name, bytes, write: (part) => copy(path.join(from, file), part) })),
  });
  if (truths !== null) {
    await writeFileAtomically(path.join(out, TRUTHS_FILE), (write) => write(new TextEncoder().encode(truths)));
  }
  return { ...filled, available: found.length, truths: truths !== null };
}

async function copy(source: string, target: string): Promise<void> {
  await access(source, constants.R_OK).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_UNREADABLE', `${source} cannot be read`, { cause });
  });
  await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
}
