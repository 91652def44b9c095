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

/** What a decoder's layers start from. */
export interface DecoderInputs {
  /** Token embeddings, pictures already in place, or the hidden state after the layers before: f32 [embedding, tokens]. */
  readonly hidden: Tensor;
  /** i32 [tokens]. */
  readonly positions: Tensor;
  /** Which tokens go beyond the last layer's attention, i32; null for all. */
  readonly outputs: Tensor | null;
  readonly kv: KvInputs;
}

/** Layers `from` to `to` − 1. */
export interface LayerRange {
  readonly from: number;
  readonly to: number;
}

/** A decoder architecture: which weights it has and what graph computes it. One folder per architecture. */
export interface Decoder {
  readonly shape: DecoderShape;
  readonly weights: readonly WeightSpec[];
  /** Upper bound of graph nodes, for sizing its memory. */
  readonly maxNodes: number;
  /** @returns the hidden state after the layers, f32 [embedding, outputs] */
  layers(graph: Graph, weights: Weights, cache: KvCache, inputs: DecoderInputs, range: LayerRange): Tensor;
  /** Leaves only the keys and values that these layers would make of `inputs.hidden`, for a cache with `store`. */
  store(graph: Graph, weights: Weights, cache: KvCache, inputs: DecoderInputs, range: LayerRange): void;
  /** The last norm and the head. @returns logits, f32 [vocabulary, tokens] */
  head(graph: Graph, weights: Weights, hidden: Tensor): Tensor;
}
