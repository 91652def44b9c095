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

/** Attention of the batch to itself and to what the cache holds. `x` is [embedding, tokens]. */
export function selfAttention(
  graph: Graph,
  x: Tensor,
  positions: Tensor,
  weights: SelfAttention,
  cache: KvCache,
  kv: KvInputs,
  layer: number,
): Tensor {
  const { heads, headSize, rope, ropeFactors } = weights;
  const [, tokens] = x.shape;
  const q = graph.rope(graph.reshape(linear(graph, x, weights.query), [headSize, heads, tokens]), positions, rope, ropeFactors);
  const { k, v } = keysAndValues(graph, x, positions, weights);
  const attended = cache.attend(graph, kv, layer, q, k, v, 1 / Math.sqrt(headSize));
  return linear(graph, attended, weights.output);
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
