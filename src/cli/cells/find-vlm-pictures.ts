import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import path from 'node:path';
import type { FailedPicture, VlmPicture } from '../../bench/scenarios/vlm/measure-picture.js';
import { sha256Json } from '../../core/canonical-json.js';
import { EdgeVlmError } from '../../core/errors.js';
import { decodeImage } from '../../vision/intake/decode-image.js';
import { DEFAULT_IMAGE_LIMITS } from '../../vision/intake/image-limits.js';
import { readImageBytes } from '../../vision/intake/read-image-bytes.js';
import { listPictures } from '../list-pictures.js';
import { readPictureTruths } from './picture-truths.js';

/** The pictures of a folder that a run is about. */
export interface VlmPictures {
  readonly pictures: readonly VlmPicture[];
  /** To warm up with: those after the ones that count, and where there are none, these. */
  readonly warmup: readonly VlmPicture[];
  /** What was passed over because it cannot be decoded. */
  readonly unreadable: readonly FailedPicture[];
  /** Over the bytes of the pictures, in their order, and what is true of them. */
  readonly sha256: string;
  /** File name of a picture. */
  readonly nameOf: (index: number) => string;
}

export interface FindVlmPicturesOptions {
  /** Pictures, in the order of their names; or what `data scenes` and `data copy` write: `truths.jsonl` names the pictures then. */
  readonly imageDir: string;
  /** How many that can be decoded, at most. */
  readonly samples: number;
  readonly warmup: number;
  readonly signal: AbortSignal;
}

/**
 * Takes the first pictures of a folder that can be decoded, before a model is loaded for nothing.
 * @throws EdgeVlmError FILE_NOT_FOUND for a folder without pictures, IMAGE_CORRUPT where none can be decoded; CANCELLED
 */
export async function findVlmPictures({ imageDir, samples, warmup, signal }: FindVlmPicturesOptions): Promise<VlmPictures> {
  const truths = await readPictureTruths(imageDir);
  const files = truths === null ? await list(imageDir) : await present(imageDir, [...truths.keys()]);
  const unreadable: FailedPicture[] = [];
  const good: { readonly picture: VlmPicture; readonly sha256: string }[] = [];
  for (const [index, file] of files.entries()) {
    if (good.length >= samples + warmup) break;
    if (signal.aborted) throw new EdgeVlmError('CANCELLED', 'stopped while looking at the pictures');
    const source = path.join(imageDir, file);
    const read = (): Promise<Uint8Array> => readImageBytes(source, DEFAULT_IMAGE_LIMITS.maxBytes);
    try {
      const bytes = await read();
      await decodeImage(bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      good.push({ picture: { index, read, truth: truths?.get(file) ?? null }, sha256 });
    } catch (thrown) {
      const error = EdgeVlmError.from(thrown);
      // A damaged picture behind those that count is nobody's loss.
      if (good.length < samples) unreadable.push({ status: 'skipped', index, error });
    }
  }
  const counted = good.slice(0, samples);
  if (counted.length === 0) {
    throw new EdgeVlmError('IMAGE_CORRUPT', `not one of the ${unreadable.length} pictures in ${imageDir} can be decoded`, {
      cause: unreadable[0]?.error,
    });
  }
  const spare = [...good.slice(samples), ...counted];
  return {
    pictures: counted.map(({ picture }) => picture),
    // A folder may have fewer pictures than that.
    warmup: Array.from({ length: warmup }, (_, at) => spare[at % spare.length]?.picture).filter((picture) => picture !== undefined),
    unreadable,
    sha256: sha256Json(counted.map(({ sha256, picture: { truth } }) => [sha256, truth])),
    nameOf: (index) => files[index] ?? '',
  };
}

async function list(imageDir: string): Promise<string[]> {
  const { pictures, failures } = await listPictures([imageDir]);
  const [failure] = failures;
  if (failure !== undefined) throw failure.error;
  return pictures.map((picture) => path.relative(imageDir, picture));
}

/** Truths may be of more pictures than were copied. */
async function present(imageDir: string, files: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    const isThere = await access(path.join(imageDir, file)).then(
      () => true,
      () => false,
    );
    if (isThere) found.push(file);
  }
  if (found.length > 0) return found;
  throw new EdgeVlmError('FILE_NOT_FOUND', `the pictures that truths.jsonl in ${imageDir} names are not there`);
}
