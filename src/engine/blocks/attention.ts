import type { Graph } from '../ggml/graph.js';
import type { RopeParameters } from '../ggml/rope-parameters.js';
import type { Tensor } from '../ggml/tensor.js';
import type { KvCache, KvInputs } from '../kv-cache/kv-cache.js';
import { linear, type Linear } from './linear.js';

/** Weights and sizes of causal self-attention with rotary positions. */
export interface SelfAttention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly rope: RopeParameters;
  /** f32 [head size / 2]: each frequency is divided by its own. */
  readonly ropeFactors: Tensor | null;
}

/**
 * Attention of the batch to itself and to what the cache holds.
 * @param x [embedding, tokens] @param outputs which tokens' results are wanted, i32; null for all
 * @returns [embedding, outputs]
 */
export function selfAttention(
  graph: Graph,
  x: Tensor,
  positions: Tensor,
  weights: SelfAttention,
  cache: KvCache,
  kv: KvInputs,
  layer: number,
  outputs: Tensor | null,
): Tensor {
  const { heads, headSize, rope, ropeFactors } = weights;
  const { k, v } = keysAndValues(graph, x, positions, weights);
  const scale = 1 / Math.sqrt(headSize);
  const ask = (rows: Tensor, at: Tensor): Tensor =>
    graph.rope(graph.reshape(linear(graph, rows, weights.query), [headSize, heads, rows.shape[1]]), at, rope, ropeFactors);
  if (outputs === null || outputs.shape[0] === 0 || cache.attendSome === undefined) {
    const attended = linear(graph, cache.attend(graph, kv, layer, ask(x, positions), k, v, scale), weights.output);
    return outputs === null ? attended : graph.getRows(attended, outputs);
  }
  // Neither the queries of other tokens nor what they would see is needed: 1% of a prompt's time at 22 layers.
  const [asking] = outputs.shape;
  const at = graph.reshape(graph.getRows(graph.reshape(positions, [1, positions.shape[0]]), outputs), [asking, 1]);
  const q = ask(graph.getRows(x, outputs), at);
  return linear(graph, cache.attendSome(graph, kv, layer, q, k, v, scale, outputs), weights.output);
}

/** What the batch leaves for later tokens: k (rotated) and v, both [head size, kv heads, tokens]. */
export function keysAndValues(
  graph: Graph,
  x: Tensor,
  positions: Tensor,
  weights: SelfAttention,
): { readonly k: Tensor; readonly v: Tensor } {
  const { kvHeads, headSize, rope, ropeFactors } = weights;
  const [, tokens] = x.shape;
  const split = (projection: Linear): Tensor => graph.reshape(linear(graph, x, projection), [headSize, kvHeads, tokens]);
  return { k: graph.rope(split(weights.key), positions, rope, ropeFactors), v: split(weights.value) };
}
