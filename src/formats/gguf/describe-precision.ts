import type { GgmlType } from './ggml-types.js';
import type { GgufFile } from './read-gguf.js';

/** `enum llama_ftype` of llama.h, for the mixes that are named differently from their main type. */
const FILE_TYPES: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  32: 'BF16',
};

/** What the file says it is, or else the type that most of its bytes have. */
export function describePrecision(file: GgufFile): string {
  const named = FILE_TYPES[file.metadata.count('general.file_type', Number.MAX_SAFE_INTEGER)];
  if (named !== undefined) return named;
  const bytes = new Map<GgmlType, number>();
  for (const tensor of file.tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes);
  const [largest] = [...bytes].sort(([, a], [, b]) => b - a);
  return (largest?.[0] ?? 'none').toUpperCase();
}

/** Weights in the file, counted one by one. */
export function countParameters(file: GgufFile): number {
  return file.tensors.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
}
