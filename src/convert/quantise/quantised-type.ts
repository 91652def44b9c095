import type { GgmlType } from '../../formats/gguf/ggml-types.js';

/** What `models quantise` makes, with `general.file_type` (`enum llama_ftype` in llama.h) and the type of most matrices. */
export const QUANTISE_TYPES = {
  f16: { fileType: 1, main: 'f16' },
  q8_0: { fileType: 7, main: 'q8_0' },
  q4_0: { fileType: 2, main: 'q4_0' },
  q4_k_m: { fileType: 15, main: 'q4_K' },
  q5_k_m: { fileType: 17, main: 'q5_K' },
  q6_k: { fileType: 18, main: 'q6_K' },
} as const satisfies Record<string, { readonly fileType: number; readonly main: GgmlType }>;

export type QuantiseType = keyof typeof QUANTISE_TYPES;

/** Types whose numbers can be read back exactly, so that a file of them can be quantised. */
export const SOURCE_TYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const satisfies Partial<Record<GgmlType, string>>;

export type SourceType = keyof typeof SOURCE_TYPES;

export function isSourceType(type: GgmlType): type is SourceType {
  return Object.hasOwn(SOURCE_TYPES, type);
}
