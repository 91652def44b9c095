import { GGML_TYPES, type GgmlType } from '../formats/gguf/ggml-types.js';

/** What matrices are written as, with `general.file_type` (`enum llama_ftype` in llama.h). */
export const OUTPUT_TYPES = { f32: 0, f16: 1, q4_0: 2, q8_0: 7 } as const satisfies Partial<Record<GgmlType, number>>;

export type OutputType = keyof typeof OUTPUT_TYPES;

/**
 * The type one tensor is written as: llama.cpp's rule (`prepare_tensors` in conversion/base.py). Vectors and norms stay f32
 * because the kernels that read them take nothing else; rows that are no whole number of blocks become f16.
 * @param shape PyTorch order.
 */
export function storedType(name: string, shape: readonly number[], wanted: OutputType): OutputType {
  if (shape.length <= 1 || !name.endsWith('.weight') || name.endsWith('_norm.weight')) return 'f32';
  const rowLength = shape.at(-1) ?? 1;
  return rowLength % GGML_TYPES[wanted].blockSize === 0 ? wanted : 'f16';
}
