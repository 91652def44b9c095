import type { Graph } from '../ggml/graph.js';
import type { Tensor } from '../ggml/tensor.js';
import type { KvCache, KvInputs } from '../kv-cache/kv-cache.js';
import type { Weights, WeightSpec } from '../weights.js';

/** Sizes that the rest of the engine needs to know about a decoder. */
export interface DecoderShape {
  readonly layers: number;
  readonly embedding: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly vocabulary: number;
  /** Context the model was trained for, tokens. */
  readonly trainedContext: number;
  /** How many tokens a token sees, itself included; null for all. */
  readonly slidingWindow: number | null;
}

/** What a decoder's graph starts from. */
export interface DecoderInputs {
  /** Token embeddings, pictures already in place: f32 [embedding, tokens]. */
  readonly embeddings: Tensor;
  /** i32 [tokens]. */
  readonly positions: Tensor;
  /** Which tokens' logits are wanted, i32; null for all. */
  readonly outputs: Tensor | null;
  readonly kv: KvInputs;
}

/** A decoder architecture: which weights it has and what graph computes it. One folder per architecture. */
export interface Decoder {
  readonly shape: DecoderShape;
  readonly weights: readonly WeightSpec[];
  /** Upper bound of graph nodes, for sizing its memory. */
  readonly maxNodes: number;
  /** @returns logits, f32 [vocabulary, outputs] */
  build(graph: Graph, weights: Weights, cache: KvCache, inputs: DecoderInputs): Tensor;
}
