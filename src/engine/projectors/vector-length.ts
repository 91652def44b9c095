import { EdgeVlmError } from '../../core/errors.js';
import type { GgufFile } from '../../formats/gguf/read-gguf.js';

const MAX_LENGTH = 65_536;

/**
 * Length of a vector in a file: how wide a projector's layers are is written nowhere else.
 * @throws MODEL_INCOMPLETE, GGUF_LIMIT
 */
export function vectorLength(file: GgufFile, name: string): number {
  const info = file.tensors.find((tensor) => tensor.name === name);
  if (info === undefined) throw new EdgeVlmError('MODEL_INCOMPLETE', `${file.path} lacks the tensor ${name}`);
  const length = info.shape.reduce((product, extent) => product * extent, 1);
  if (length >= 1 && length <= MAX_LENGTH) return length;
  throw new EdgeVlmError('GGUF_LIMIT', `${file.path}: ${name} holds ${length} values, expected 1 to ${MAX_LENGTH}`);
}
