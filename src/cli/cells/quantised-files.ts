import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import type { Quantization } from '../../core/runtime.js';
import { sha256File } from '../../core/sha256-file.js';
import { fileSize } from '../../catalogue/file-size.js';
import { ownPrecision, precisionFiles, type ModelFiles } from '../commands/precision-files.js';

/** What GGUF files call them. */
const PRECISIONS: Record<Exclude<Quantization, 'none'>, string> = { int8: 'q8_0', int4: 'q4_0' };

/**
 * Both halves of a model with weights of 8 or 4 bits: as they are given where they have them already, else quantised once and kept in
 * `$EDGEVLM_HOME/quantised`, under the hash of what they were made from.
 * @throws as `quantiseModel`; MODEL_UNSUPPORTED for a file that is quantised another way; FILE_UNWRITABLE, CANCELLED
 */
export async function quantisedFiles(
  given: ModelFiles,
  quantization: Quantization,
  { onProgress, signal }: { readonly onProgress: Progress; readonly signal: AbortSignal },
): Promise<ModelFiles> {
  if (quantization === 'none') return given;
  const precision = PRECISIONS[quantization];
  if ((await ownPrecision(given.model)) === precision) return given;
  const hashes = await Promise.all([sha256File(given.model, signal), sha256File(given.mmproj, signal)]);
  const home = path.join(dataDirectories().home, 'quantised');
  const kept = path.join(home, `${hashes.map((hash) => hash.slice(0, 16)).join('-')}-${precision}`);
  const found = await filesIn(kept);
  if (found !== undefined) return found;
  try {
    await mkdir(home, { recursive: true });
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${home} cannot be made`, { cause });
  }
  // Made beside and moved there whole: another process may be making the same.
  const folder = await mkdtemp(path.join(home, '.making-'));
  try {
    const threads = Math.min(availableParallelism(), 8);
    for (const { role, path: file, quantised } of await precisionFiles(given, precision, { folder, threads, onProgress, signal })) {
      if (quantised) await rename(file, path.join(folder, fileName(role)));
    }
    await rename(folder, kept).catch(async (cause: unknown) => {
      if ((await filesIn(kept)) === undefined) throw new EdgeVlmError('FILE_UNWRITABLE', `${kept} cannot be made`, { cause });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return (await filesIn(kept)) ?? given;

  /** A vision half that is quantised already stays where it is. */
  async function filesIn(place: string): Promise<ModelFiles | undefined> {
    const [model, mmproj] = [path.join(place, fileName('model')), path.join(place, fileName('mmproj'))];
    if ((await fileSize(model)) === undefined) return undefined;
    return { model, mmproj: (await fileSize(mmproj)) === undefined ? given.mmproj : mmproj };
  }

  function fileName(role: keyof ModelFiles): string {
    const stem = path.basename(given[role]).replace(/(-(b?f16|f32))?\.gguf$/i, '');
    return `${stem}-${precision}.gguf`;
  }
}
