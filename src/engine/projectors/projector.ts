import type { Graph } from '../ggml/graph.js';
import type { Tensor } from '../ggml/tensor.js';
import type { Weights, WeightSpec } from '../weights.js';

/** Turns a tower's output into the decoder's image tokens. One folder per kind. */
export interface Projector {
  readonly weights: readonly WeightSpec[];
  readonly maxNodes: number;
  /** Image tokens of one tile. */
  readonly tokensPerTile: number;
  /** Size of an image token; must be the decoder's embedding size. */
  readonly embedding: number;
  /** @param x f32 [tower embedding, grid²] @returns f32 [embedding, tokensPerTile] */
  build(graph: Graph, weights: Weights, x: Tensor): Tensor;
}
