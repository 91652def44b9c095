import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { openFile, readExactly } from '../open-file.js';
import { toFloat32 } from './dtypes.js';
import { readSafetensors, type SafetensorsTensor } from './read-safetensors.js';

/** The index of a 30,000-tensor checkpoint takes about 3 MB. */
const MAX_INDEX_BYTES = 32 * 2 ** 20;
const Index = Type.Object({ weight_map: Type.Record(Type.String(), Type.String()) });

/**
 * The tensors of a Hugging Face folder, by name: those of `model.safetensors`, or of every file that
 * `model.safetensors.index.json` lists. Files by name, tensors in the order of their file.
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE, SAFETENSORS_INVALID where index and files disagree.
 */
export async function openCheckpoint(folder: string): Promise<Map<string, SafetensorsTensor>> {
  const weightMap = await readIndex(join(folder, 'model.safetensors.index.json'));
  if (weightMap === undefined) return readSafetensors(join(folder, 'model.safetensors'));

  const tensors = new Map<string, SafetensorsTensor>();
  for (const file of [...new Set(weightMap.values())].sort()) {
    for (const [name, tensor] of await readSafetensors(join(folder, file))) {
      if (weightMap.get(name) !== file)
        throw new EdgeVlmError('SAFETENSORS_INVALID', `${join(folder, file)} holds ${name}, the index disagrees`);
      tensors.set(name, tensor);
    }
  }
  for (const [name, file] of weightMap) {
    if (!tensors.has(name))
      throw new EdgeVlmError('SAFETENSORS_INVALID', `${join(folder, file)} lacks ${name}, which the index says it holds`);
  }
  return tensors;
}

async function readIndex(path: string): Promise<Map<string, string> | undefined> {
  let index: unknown;
  try {
    const { handle, bytes } = await openFile(path);
    try {
      if (bytes > MAX_INDEX_BYTES) throw new EdgeVlmError('SAFETENSORS_INVALID', `${path} has over ${MAX_INDEX_BYTES} bytes`);
      index = JSON.parse(await readFile(handle, 'utf8'));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof EdgeVlmError && error.code === 'FILE_NOT_FOUND') return undefined;
    if (error instanceof EdgeVlmError) throw error;
    throw new EdgeVlmError('SAFETENSORS_INVALID', `${path} is not JSON`, { cause: error });
  }
  if (!Value.Check(Index, index)) throw new EdgeVlmError('SAFETENSORS_INVALID', `${path} has no weight_map of names and files`);
  const weightMap = new Map(Object.entries(index.weight_map));
  for (const file of weightMap.values()) {
    // A name with a folder in it would read files outside the checkpoint.
    if (file !== basename(file) || file.includes('\\') || !file.endsWith('.safetensors')) {
      throw new EdgeVlmError('SAFETENSORS_INVALID', `${path} names the file ${JSON.stringify(file)}`);
    }
  }
  return weightMap;
}

/**
 * A tensor's elements as float32. Memory: the data once as stored and once as float32.
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE.
 */
export async function readTensor(tensor: SafetensorsTensor): Promise<Float32Array> {
  const { handle } = await openFile(tensor.path);
  try {
    return toFloat32(tensor.dtype, await readExactly(handle, tensor.path, tensor.fileOffset, tensor.bytes));
  } finally {
    await handle.close();
  }
}
