import type { GgufFile } from '../../../formats/gguf/read-gguf.js';
import { keysAndValues, selfAttention, type SelfAttention } from '../../blocks/attention.js';
import { linear, type Linear } from '../../blocks/linear.js';
import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { KvCache } from '../../kv-cache/kv-cache.js';
import type { Weights, WeightSpec } from '../../weights.js';
import type { Decoder, DecoderInputs, LayerRange } from '../decoder.js';
import { readLlamaHyperparameters, type LlamaHyperparameters } from './llama-hyperparameters.js';

/** Nodes per layer are about 35, biases included; the rest is embeddings, norms and head. */
const NODES_PER_LAYER = 48;
const NODES_OUTSIDE_LAYERS = 64;

/**
 * LLaMA: pre-norm blocks of rotary grouped-query attention and a SwiGLU feed-forward.
 * Tensor names are llama.cpp's (gguf-py `constants.py`).
 */
export function createLlamaDecoder(file: GgufFile): Decoder {
  const h = readLlamaHyperparameters(file);
  return {
    shape: h,
    weights: weightSpecs(h),
    maxNodes: NODES_PER_LAYER * h.layers + NODES_OUTSIDE_LAYERS,
    layers: (graph, weights, cache, inputs, range) => layers(h, graph, weights, cache, inputs, range),
    store: (graph, weights, cache, inputs, range) => {
      store(h, graph, weights, cache, inputs, range);
    },
    head: (graph, weights, hidden) =>
      linear(graph, rmsNorm(h, graph, weights, hidden, 'output_norm.weight'), { weight: weights.get('output.weight') }),
  };
}

function weightSpecs(h: LlamaHyperparameters): WeightSpec[] {
  const attention = h.heads * h.headSize;
  const kv = h.kvHeads * h.headSize;
  const specs: WeightSpec[] = [
    { name: 'token_embd.weight', shape: [h.embedding, h.vocabulary], use: 'rows' },
    { name: 'output_norm.weight', shape: [h.embedding], use: 'vector' },
    { name: 'output.weight', shape: [h.embedding, h.vocabulary], use: 'matmul', fallback: 'token_embd.weight' },
    { name: 'rope_freqs.weight', shape: [h.headSize / 2], use: 'vector', optional: true },
  ];
  for (let layer = 0; layer < h.layers; layer++) {
    const matrix = (name: string, input: number, output: number): WeightSpec[] => [
      { name: `blk.${layer}.${name}.weight`, shape: [input, output], use: 'matmul' },
      { name: `blk.${layer}.${name}.bias`, shape: [output], use: 'vector', optional: true },
    ];
    specs.push(
      { name: `blk.${layer}.attn_norm.weight`, shape: [h.embedding], use: 'vector' },
      ...matrix('attn_q', h.embedding, attention),
      ...matrix('attn_k', h.embedding, kv),
      ...matrix('attn_v', h.embedding, kv),
      ...matrix('attn_output', attention, h.embedding),
      { name: `blk.${layer}.ffn_norm.weight`, shape: [h.embedding], use: 'vector' },
      ...matrix('ffn_gate', h.embedding, h.feedForward),
      ...matrix('ffn_up', h.embedding, h.feedForward),
      ...matrix('ffn_down', h.feedForward, h.embedding),
    );
  }
  return specs;
}

function layers(
  h: LlamaHyperparameters,
  graph: Graph,
  weights: Weights,
  cache: KvCache,
  { hidden, positions, outputs, kv }: DecoderInputs,
  { from, to }: LayerRange,
): Tensor {
  let x = hidden;
  for (let layer = from; layer < to; layer++) {
    const attention = attentionWeights(h, weights, layer);
    const normed = rmsNorm(h, graph, weights, x, `blk.${layer}.attn_norm.weight`);
    let attended = selfAttention(graph, normed, positions, attention, cache, kv, layer);
    if (layer === to - 1 && outputs !== null) {
      // Nothing after the last attention looks at other tokens, so only those whose logits are wanted go on.
      attended = graph.getRows(attended, outputs);
      x = graph.getRows(x, outputs);
    }
    x = graph.add(attended, x);
    const matrix = matrices(weights, layer);
    const inner = rmsNorm(h, graph, weights, x, `blk.${layer}.ffn_norm.weight`);
    const gated = graph.swiglu(linear(graph, inner, matrix('ffn_gate')), linear(graph, inner, matrix('ffn_up')));
    x = graph.add(linear(graph, gated, matrix('ffn_down')), x);
  }
  return x;
}

function store(
  h: LlamaHyperparameters,
  graph: Graph,
  weights: Weights,
  cache: KvCache,
  { hidden, positions, kv }: DecoderInputs,
  { from, to }: LayerRange,
): void {
  for (let layer = from; layer < to; layer++) {
    const normed = rmsNorm(h, graph, weights, hidden, `blk.${layer}.attn_norm.weight`);
    const { k, v } = keysAndValues(graph, normed, positions, attentionWeights(h, weights, layer));
    cache.store?.(graph, kv, layer, k, v);
  }
}

function rmsNorm(h: LlamaHyperparameters, graph: Graph, weights: Weights, x: Tensor, name: string): Tensor {
  return graph.mul(graph.rmsNorm(x, h.rmsEpsilon), weights.get(name));
}

function matrices(weights: Weights, layer: number): (name: string) => Linear {
  return (name) => ({ weight: weights.get(`blk.${layer}.${name}.weight`), bias: weights.find(`blk.${layer}.${name}.bias`) });
}

function attentionWeights(h: LlamaHyperparameters, weights: Weights, layer: number): SelfAttention {
  const matrix = matrices(weights, layer);
  return {
    query: matrix('attn_q'),
    key: matrix('attn_k'),
    value: matrix('attn_v'),
    output: matrix('attn_output'),
    ropeFactors: weights.find('rope_freqs.weight') ?? null,
    ...h,
  };
}
