import { EdgeVlmError } from '../../core/errors.js';
import { loadNative } from '../ffi/native.js';
import { callAsync } from '../ffi/native-memory.js';
import { nativeLog } from '../ffi/native-log.js';

/** What libllama can make of a model, with its number in `enum llama_ftype` (llama.h). */
export const QUANTISED_TYPES = { q4_0: 2, q8_0: 7, q3_k_m: 12, q4_k_s: 14, q4_k_m: 15, q5_k_m: 17, q6_k: 18 } as const;
export type QuantisedType = keyof typeof QUANTISED_TYPES;

export interface QuantiseOptions {
  /** GGUF file with f32, f16 or bf16 weights; checked by `readGguf` before it comes here. */
  readonly model: string;
  /** GGUF file to write; one that exists is replaced. */
  readonly out: string;
  readonly type: QuantisedType;
  readonly threads: number;
}

/**
 * Quantises a model with libllama, which knows the mixes that are named `_s` and `_m`. Tensors whose rows are no whole number of
 * blocks get a type that fits.
 * @throws NATIVE_FAILED with libllama's own words
 */
export async function quantise({ model, out, type, threads }: QuantiseOptions): Promise<void> {
  const { llama } = loadNative();
  const parameters = { ...llama.llama_model_quantize_default_params(), ftype: QUANTISED_TYPES[type], nthread: threads };
  const status = await callAsync(llama.llama_model_quantize, model, out, parameters);
  if (status !== 0) throw new EdgeVlmError('NATIVE_FAILED', `libllama cannot quantise ${model} to ${type}: ${nativeLog(1).join('')}`);
}
