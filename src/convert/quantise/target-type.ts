import { GGML_TYPES, type GgmlType } from '../../formats/gguf/ggml-types.js';
import { QUANTISE_TYPES, type QuantiseType } from './quantised-type.js';

/** A tensor as far as its type depends on it. */
export interface TypedTensor {
  readonly name: string;
  readonly type: GgmlType;
  /** ggml order: `shape[0]` is the row length. */
  readonly shape: readonly number[];
}

export interface MixContext {
  readonly layers: number;
  /** The token embedding is the output head, too. */
  readonly tied: boolean;
}

/** Why a tensor keeps the type it has. */
export const KEPT_REASONS = {
  vector: 'biases, norms and class tokens are added or multiplied as they are, which ggml does in f32 only',
  positions: 'position embeddings are added to every patch as they are',
  patches: 'an error in the patch embedding is in every patch, and it is small',
  convolution: 'rows of a convolution kernel are shorter than a block',
} as const;
export type KeptReason = keyof typeof KEPT_REASONS;

/**
 * Why a tensor is not quantised, or undefined for one that is.
 * Source: `tensor_allows_quantization` in llama.cpp's llama-quant.cpp, and for kernels of more than two dimensions our own
 * rule: llama.cpp's quantiser counts their rows wrongly and ends the process.
 */
export function keptReason({ name, shape }: TypedTensor): KeptReason | undefined {
  if (name.includes('position_embd')) return 'positions';
  if (name.includes('patch_embd')) return 'patches';
  if (shape.filter((size) => size > 1).length > 2) return 'convolution';
  const isMatrix = shape.slice(1).some((size) => size > 1);
  return isMatrix && name.endsWith('weight') && !name.includes('_norm.weight') ? undefined : 'vector';
}

/**
 * The type a matrix gets, before it is asked whether its rows fit: the mixes give the matrices that bear the least rounding more bits.
 * Source: `llama_tensor_get_type_impl` in llama-quant.cpp, for models without experts.
 */
function mixedType({ name }: TypedTensor, wanted: QuantiseType, { layers, tied }: MixContext): GgmlType {
  const { main } = QUANTISE_TYPES[wanted];
  if (main === 'f16') return main;
  if (name === 'output.weight' || (tied && name === 'token_embd.weight')) return main === 'q8_0' ? main : 'q6_K';
  const layer = /\bblk\.(\d+)\.(?:attn_v|ffn_down)\.weight$/.exec(name)?.[1];
  const isMix = wanted === 'q4_k_m' || wanted === 'q5_k_m';
  return isMix && layer !== undefined && usesMoreBits(Number(layer), layers) ? 'q6_K' : main;
}

/** The first and last eighth of the layers, and every third between. Source: `use_more_bits` in llama-quant.cpp. */
function usesMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

/** What stands in where rows are no whole number of blocks. Source: `tensor_type_fallback` in llama-quant.cpp. */
const FALLBACKS: Partial<Record<GgmlType, GgmlType>> = { q4_K: 'q5_0', q5_K: 'q5_1', q6_K: 'q8_0' };

/** The type that a matrix would have and, where its rows do not fit that type's blocks, the one it has instead. */
export function targetType(tensor: TypedTensor, wanted: QuantiseType, context: MixContext): { wanted: GgmlType; type: GgmlType } {
  const mixed = mixedType(tensor, wanted, context);
  const candidates = [mixed, FALLBACKS[mixed]].filter((type) => type !== undefined);
  return { wanted: mixed, type: candidates.find((type) => fits(type, tensor.shape)) ?? 'f16' };
}

function fits(type: GgmlType, [row = 1]: readonly number[]): boolean {
  return row % GGML_TYPES[type].blockSize === 0;
}
