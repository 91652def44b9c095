import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';

/** A key whose value must be above zero. @throws GGUF_INVALID; MODEL_INCOMPLETE where it is absent and has no fallback */
export function positiveNumber(file: GgufFile, key: string, fallback?: number): number {
  const value = file.metadata.number(key, fallback);
  if (Number.isFinite(value) && value > 0) return value;
  throw new EdgeVlmError('GGUF_INVALID', `${file.path}: ${key} is ${value}, expected a positive number`);
}
