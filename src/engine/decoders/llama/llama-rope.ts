import { EdgeVlmError } from '../../../core/errors.js';
import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import type { RopeParameters } from '../../ggml/rope-parameters.js';
import { positiveNumber } from './positive-number.js';

/** Ways to stretch rotary positions beyond the context a model was first trained for. Llama 3's is a tensor, `rope_freqs.weight`. */
const SCALINGS = ['none', 'linear', 'yarn'] as const;
/** ggml takes a 32-bit integer. */
const MAX_CONTEXT = 2 ** 31 - 1;

/**
 * Reads how a LLaMA decoder's positions are rotated. Defaults are llama.cpp's, which also knows the old key of a linear factor.
 * The `yarn_*` keys are those its converter writes from a checkpoint's `rope_scaling`; its own LLaMA graph does not read them, so
 * a checkpoint whose values are not the paper's differs there.
 * @throws MODEL_UNSUPPORTED for LongRoPE and whatever comes after it; GGUF_INVALID
 */
export function readLlamaRope(file: GgufFile, dimensions: number, trainedContext: number): RopeParameters {
  const { metadata } = file;
  const key = (name: string): string => `llama.rope.scaling.${name}`;
  const number = (name: string, fallback: number): number => positiveNumber(file, key(name), fallback);
  const type = metadata.string(key('type'), 'linear');
  const scaling = SCALINGS.find((known) => known === type);
  if (scaling === undefined || file.tensors.some(({ name }) => name.includes('rope_factors'))) {
    throw new EdgeVlmError('MODEL_UNSUPPORTED', `${file.path}: rotary positions scaled by "${type}" are not supported`);
  }
  const written = metadata.number(key('factor'), metadata.number('llama.rope.scale_linear', 0));
  // 0 means "not scaled", as in llama.cpp.
  const factor = scaling === 'none' || written === 0 ? 1 : written;
  const originalContext = metadata.count(key('original_context_length'), trainedContext);
  // YaRN's factor on attention falls to zero below a factor of e⁻¹⁰, and no model is stretched by less than one.
  if (!(Number.isFinite(factor) && factor > 0 && (scaling !== 'yarn' || factor >= 1) && originalContext >= 1)) {
    throw new EdgeVlmError('GGUF_INVALID', `${file.path}: rotary positions of a context of ${originalContext} are scaled by ${factor}`);
  }
  const yarnAttention = 1 + 0.1 * Math.log(factor);
  return {
    dimensions,
    base: positiveNumber(file, 'llama.rope.freq_base', 10_000),
    scale: 1 / factor,
    mode: 'norm',
    yarn: {
      mix: scaling === 'yarn' ? number('yarn_ext_factor', 1) : 0,
      // A checkpoint's own factor replaces the paper's, which ggml multiplies in by itself.
      attention: number('attn_factor', 1) * (scaling === 'yarn' ? number('yarn_attn_factor', yarnAttention) / yarnAttention : 1),
      originalContext: Math.min(originalContext, MAX_CONTEXT),
      betaFast: number('yarn_beta_fast', 32),
      betaSlow: number('yarn_beta_slow', 1),
    },
  };
}
