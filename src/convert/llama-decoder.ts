import { EdgeVlmError } from '../core/errors.js';
import type { GgufValue } from '../formats/gguf/gguf-value.js';
import type { DecoderConfig } from './checkpoint-config.js';
import { isClipTensor } from './clip-tower.js';
import type { ModelHalf, TensorPlan } from './model-half.js';

/**
 * Names, shapes and keys of the `llama` architecture.
 * Source: `LlamaModel` in llama.cpp's conversion/llama.py, `TextModel` in conversion/base.py.
 */
export function llamaDecoder(config: DecoderConfig): ModelHalf {
  return {
    canonicalName: (name) =>
      /^model\.(vision_model|connector)\.|\.rotary_emb\.inv_freq$/.test(name) || isClipTensor(name) ? undefined : textName(name),
    tensors: new Map(tensors(config)),
    extraTensors: ropeFactors(config),
    metadata: metadata(config),
  };
}

/** Published multimodal checkpoints hold the decoder as model.text_model.* (Idefics3), language_model.* or model.language_model.* (LLaVA). */
function textName(name: string): string {
  return name.replace(/^model\.(text_model|language_model)\./, 'model.').replace(/^language_model\.(model|lm_head)\./, '$1.');
}

function* tensors(config: DecoderConfig): Generator<[string, TensorPlan]> {
  const { embedding, feedForward, heads, kvHeads, headDim, vocabSize } = config;
  yield ['model.embed_tokens.weight', { name: 'token_embd.weight', shape: [vocabSize, embedding] }];
  yield ['model.norm.weight', { name: 'output_norm.weight', shape: [embedding] }];
  yield ['lm_head.weight', { name: 'output.weight', shape: [vocabSize, embedding], optional: config.tied }];
  for (let layer = 0; layer < config.layers; layer++) {
    const from = `model.layers.${layer}`;
    const to = `blk.${layer}`;
    yield [`${from}.input_layernorm.weight`, { name: `${to}.attn_norm.weight`, shape: [embedding] }];
    yield [`${from}.post_attention_layernorm.weight`, { name: `${to}.ffn_norm.weight`, shape: [embedding] }];
    const matrices: [string, string, number, number, number?][] = [
      ['self_attn.q_proj', 'attn_q', heads * headDim, embedding, heads],
      ['self_attn.k_proj', 'attn_k', kvHeads * headDim, embedding, kvHeads],
      ['self_attn.v_proj', 'attn_v', kvHeads * headDim, embedding],
      ['self_attn.o_proj', 'attn_output', embedding, heads * headDim],
      ['mlp.gate_proj', 'ffn_gate', feedForward, embedding],
      ['mlp.up_proj', 'ffn_up', feedForward, embedding],
      ['mlp.down_proj', 'ffn_down', embedding, feedForward],
    ];
    for (const [module, name, rows, columns, rotaryHeads] of matrices) {
      const rearrange = rotaryHeads === undefined ? undefined : pairNeighbours(rotaryHeads);
      yield [`${from}.${module}.weight`, { name: `${to}.${name}.weight`, shape: [rows, columns], rearrange }];
      yield [`${from}.${module}.bias`, { name: `${to}.${name}.bias`, shape: [rows], rearrange, optional: true }];
    }
  }
}

/**
 * Transformers rotates element i of a head with element i + headDim/2, ggml's NORM mode element 2i with 2i + 1: the rows of
 * Q and K are put in the order in which both mean the same.
 */
function pairNeighbours(heads: number): (values: Float32Array, rows: number) => Float32Array {
  return (values, rows) => {
    const rowLength = values.length / rows;
    const half = rows / heads / 2;
    const result = new Float32Array(values.length);
    for (let row = 0; row < rows; row++) {
      const inHead = row % (2 * half);
      const target = row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
      result.set(values.subarray(row * rowLength, (row + 1) * rowLength), target * rowLength);
    }
    return result;
  };
}

function metadata(config: DecoderConfig): [string, GgufValue][] {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const f32 = (value: number): GgufValue => ({ type: 'f32', value });
  return [
    ['llama.block_count', u32(config.layers)],
    ['llama.context_length', u32(config.contextLength)],
    ['llama.embedding_length', u32(config.embedding)],
    ['llama.feed_forward_length', u32(config.feedForward)],
    ['llama.attention.head_count', u32(config.heads)],
    ['llama.attention.head_count_kv', u32(config.kvHeads)],
    ...linearScaling(config),
    ['llama.rope.freq_base', f32(config.ropeTheta)],
    ['llama.attention.layer_norm_rms_epsilon', f32(config.rmsEpsilon)],
    ['llama.attention.key_length', u32(config.headDim)],
    ['llama.attention.value_length', u32(config.headDim)],
    // Filled in by the conversion; named here to keep llama.cpp's order.
    ['general.file_type', u32(0)],
    ['llama.vocab_size', u32(config.vocabSize)],
    ['llama.rope.dimension_count', u32(config.headDim)],
  ];
}

function ropeType({ rope }: DecoderConfig): string {
  return rope.rope_type ?? rope.type ?? 'default';
}

function linearScaling(config: DecoderConfig): [string, GgufValue][] {
  if (ropeType(config) !== 'linear') return [];
  return [
    ['llama.rope.scaling.type', { type: 'string', value: 'linear' }],
    ['llama.rope.scaling.factor', { type: 'f32', value: config.rope.factor ?? 1 }],
  ];
}

/** Llama 3's scaling is a factor per frequency, kept as a tensor. Source: `generate_extra_tensors` in conversion/llama.py. */
function ropeFactors(config: DecoderConfig): ModelHalf['extraTensors'] {
  const type = ropeType(config);
  if (type === 'default' || type === 'linear') return [];
  if (type !== 'llama3') throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `the rotary scaling "${type}" cannot be converted`);
  const { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } = config.rope;
  const [scale, low, high, oldContext] = [
    factor ?? 8,
    low_freq_factor ?? 1,
    high_freq_factor ?? 4,
    original_max_position_embeddings ?? 8192,
  ];
  const values = Float32Array.from({ length: config.headDim / 2 }, (_, index) => {
    const wavelength = 2 * Math.PI * config.ropeTheta ** ((2 * index) / config.headDim);
    if (wavelength < oldContext / high) return 1;
    if (wavelength > oldContext / low) return scale;
    const smooth = (oldContext / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / scale + smooth);
  });
  return [{ name: 'rope_freqs.weight', values }];
}
