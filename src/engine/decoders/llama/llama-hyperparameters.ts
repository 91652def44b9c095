import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import type { RopeParameters } from '../../ggml/rope-parameters.js';
import type { DecoderShape } from '../decoder.js';
import { positiveNumber } from './positive-number.js';
import { readLlamaRope } from './llama-rope.js';

export interface LlamaHyperparameters extends DecoderShape {
  readonly feedForward: number;
  readonly rmsEpsilon: number;
  readonly rope: RopeParameters;
}

/** Far beyond any real model; they keep sizes computed from a hostile file small enough to compare with it. */
const LIMITS = { layers: 1024, embedding: 65_536, heads: 1024, headSize: 1024, feedForward: 1_048_576, context: 16_777_216 } as const;

/**
 * Reads a LLaMA decoder's sizes, with llama.cpp's defaults for keys that files may leave out.
 * @throws MODEL_INCOMPLETE, MODEL_UNSUPPORTED, GGUF_INVALID
 */
export function readLlamaHyperparameters(file: GgufFile): LlamaHyperparameters {
  const { metadata } = file;
  const count = (key: string, limit: number, fallback?: number): number => {
    const value = metadata.count(`llama.${key}`, fallback);
    if (value < 1 || value > limit) throw new EdgeVlmError('GGUF_LIMIT', `${file.path}: llama.${key} is ${value}, expected 1 to ${limit}`);
    return value;
  };
  const layers = count('block_count', LIMITS.layers);
  const embedding = count('embedding_length', LIMITS.embedding);
  const heads = count('attention.head_count', LIMITS.heads);
  const kvHeads = count('attention.head_count_kv', LIMITS.heads, heads);
  const headSize = count('attention.key_length', LIMITS.headSize, Math.floor(embedding / heads));
  const ropeDimensions = count('rope.dimension_count', LIMITS.headSize, headSize);
  if (heads % kvHeads !== 0) throw new EdgeVlmError('GGUF_INVALID', `${file.path}: ${heads} heads cannot share ${kvHeads} KV heads`);
  if (ropeDimensions !== headSize || headSize % 2 !== 0 || metadata.count('llama.attention.value_length', headSize) !== headSize) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: heads of unequal key, value and rotary size are not supported`);
  }
  if (metadata.count('llama.expert_count', 0) > 0) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: mixture-of-experts models are not supported`);
  }
  const trainedContext = count('context_length', LIMITS.context);
  return {
    layers,
    embedding,
    heads,
    kvHeads,
    headSize,
    feedForward: count('feed_forward_length', LIMITS.feedForward),
    vocabulary: metadata.count('llama.vocab_size', metadata.strings('tokenizer.ggml.tokens').length),
    trainedContext,
    // Mistral's; llama.cpp's LLaMA graph does not read it.
    slidingWindow: metadata.count('llama.attention.sliding_window', 0) || null,
    rmsEpsilon: positiveNumber(file, 'llama.attention.layer_norm_rms_epsilon'),
    rope: readLlamaRope(file, headSize, trainedContext),
  };
}
