import { basename, join } from 'node:path';
import { quantiseModel } from '../../convert/quantise/quantise-model.js';
import { QUANTISE_TYPES, type QuantiseType } from '../../convert/quantise/quantised-type.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { describePrecision } from '../../formats/gguf/describe-precision.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { runNative } from '../run-native.js';

/** Both halves of a model. */
export interface ModelFiles {
  readonly model: string;
  readonly mmproj: string;
}

/** A half of a model in one precision. */
export interface PrecisionFile {
  readonly role: keyof ModelFiles;
  readonly path: string;
  /** False for the file that was given. */
  readonly quantised: boolean;
  /** How many tensors are of each type. */
  readonly tensors: Readonly<Record<string, number>>;
}

/** The precision a model file has, as precisions are named in options: `f16`. @throws as `readGguf` */
export async function ownPrecision(model: string): Promise<string> {
  return describePrecision(await readGguf(model)).toLowerCase();
}

/** Checks a list of precisions: each once, and only what the file is or can be made. @throws EdgeVlmError USAGE */
export function checkPrecisions(precisions: readonly string[], own: string): void {
  const unknown = precisions.find((precision) => precision !== own && !isQuantiseType(precision));
  const known = [...new Set([own, ...Object.keys(QUANTISE_TYPES)])].join(', ');
  if (unknown !== undefined) throw new EdgeVlmError('USAGE', `there is no precision "${unknown}" for this model; there are ${known}`);
  if (new Set(precisions).size < precisions.length) throw new EdgeVlmError('USAGE', 'a precision is listed twice');
}

/**
 * The files of one precision: those given, where they have it already, else quantised ones in `folder`. A vision half that cannot
 * be quantised, because it already is, stays as it is.
 * @throws as `quantiseModel`
 */
export async function precisionFiles(given: ModelFiles, precision: string, options: PrecisionFilesOptions): Promise<PrecisionFile[]> {
  const model = await halfIn('model', given.model, precision, options);
  try {
    return [model, await halfIn('mmproj', given.mmproj, precision, options)];
  } catch (thrown) {
    if (!(thrown instanceof EdgeVlmError) || thrown.code !== 'MODEL_UNSUPPORTED') throw thrown;
    return [model, await asGiven('mmproj', given.mmproj)];
  }
}

export interface PrecisionFilesOptions {
  readonly folder: string;
  readonly threads: number;
  readonly onProgress: Progress;
  readonly signal: AbortSignal;
}

async function halfIn(
  role: keyof ModelFiles,
  path: string,
  precision: string,
  { folder, threads, onProgress, signal }: PrecisionFilesOptions,
): Promise<PrecisionFile> {
  if (!isQuantiseType(precision) || (await ownPrecision(path)) === precision) return asGiven(role, path);
  const out = join(folder, `${stemOf(path)}-${precision}.gguf`);
  const { tensorsByType: tensors } = await quantiseModel({
    model: path,
    out,
    type: precision,
    threads,
    onProgress,
    signal,
    run: async (request, hooks) => {
      await runNative('quantise', request, hooks);
    },
  });
  return { role, path: out, quantised: true, tensors };
}

async function asGiven(role: keyof ModelFiles, path: string): Promise<PrecisionFile> {
  const tensors: Record<string, number> = {};
  for (const { type } of (await readGguf(path)).tensors) tensors[type] = (tensors[type] ?? 0) + 1;
  return { role, path, quantised: false, tensors };
}

/** The file's name without the precision it says. */
function stemOf(path: string): string {
  return basename(path)
    .replace(/\.gguf$/i, '')
    .replace(/-(?:b?f16|f32)$/i, '');
}

function isQuantiseType(precision: string): precision is QuantiseType {
  return Object.hasOwn(QUANTISE_TYPES, precision);
}
