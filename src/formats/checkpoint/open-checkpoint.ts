import { join } from 'node:path';
import { EdgeVlmError, type ErrorCode } from '../../core/errors.js';
import { openFile, readExactly } from '../open-file.js';
import { toFloat32 } from '../safetensors/dtypes.js';
import { readSafetensors } from '../safetensors/read-safetensors.js';
import type { CheckpointTensor } from './checkpoint-tensor.js';
import { readPytorch } from './read-pytorch.js';
import { readWeightIndex } from './read-weight-index.js';

interface Format {
  readonly file: string;
  readonly extension: string;
  readonly read: (path: string) => Promise<Map<string, CheckpointTensor>>;
  /** Where index and files disagree. */
  readonly invalid: ErrorCode;
}

/** In the order in which they are looked for. */
const FORMATS: readonly Format[] = [
  { file: 'model.safetensors', extension: '.safetensors', read: readSafetensors, invalid: 'SAFETENSORS_INVALID' },
  { file: 'pytorch_model.bin', extension: '.bin', read: readPytorch, invalid: 'CHECKPOINT_INVALID' },
];

/**
 * The tensors of a Hugging Face folder, by name: those of `model.safetensors`, else of `pytorch_model.bin`, or of every file that
 * `<file>.index.json` lists. Files by name, tensors in the order of their file.
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE; SAFETENSORS_INVALID or CHECKPOINT_INVALID where index and files disagree;
 * as `readSafetensors` and `readPytorch`
 */
export async function openCheckpoint(folder: string): Promise<Map<string, CheckpointTensor>> {
  for (const format of FORMATS) {
    const weightMap = await readWeightIndex(join(folder, `${format.file}.index.json`), format);
    if (weightMap !== undefined) return openParts(folder, weightMap, format);
    const path = join(folder, format.file);
    try {
      return await format.read(path);
    } catch (error) {
      if (!(error instanceof EdgeVlmError) || error.code !== 'FILE_NOT_FOUND') throw error;
    }
  }
  throw new EdgeVlmError(
    'FILE_NOT_FOUND',
    `${folder} holds neither ${FORMATS.map(({ file }) => file).join(' nor ')}, nor parts of one with an index`,
  );
}

async function openParts(
  folder: string,
  weightMap: ReadonlyMap<string, string>,
  { read, invalid }: Format,
): Promise<Map<string, CheckpointTensor>> {
  const tensors = new Map<string, CheckpointTensor>();
  for (const file of [...new Set(weightMap.values())].sort()) {
    for (const [name, tensor] of await read(join(folder, file))) {
      if (weightMap.get(name) !== file) throw new EdgeVlmError(invalid, `${join(folder, file)} holds ${name}, the index disagrees`);
      tensors.set(name, tensor);
    }
  }
  for (const [name, file] of weightMap) {
    if (!tensors.has(name)) throw new EdgeVlmError(invalid, `${join(folder, file)} lacks ${name}, which the index says it holds`);
  }
  return tensors;
}

/**
 * A tensor's elements as float32. Memory: the data once as stored and once as float32.
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE.
 */
export async function readTensor(tensor: CheckpointTensor): Promise<Float32Array> {
  const { handle } = await openFile(tensor.path);
  try {
    return toFloat32(tensor.dtype, await readExactly(handle, tensor.path, tensor.fileOffset, tensor.bytes));
  } finally {
    await handle.close();
  }
}
