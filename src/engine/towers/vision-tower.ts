import type { Graph } from '../ggml/graph.js';
import type { Tensor } from '../ggml/tensor.js';
import type { Weights, WeightSpec } from '../weights.js';

/** Sizes of a vision tower that its projector and its caller need. */
export interface VisionTowerShape {
  /** Side of a picture, pixels. */
  readonly imageSize: number;
  readonly patchSize: number;
  /** Patches along one side. */
  readonly grid: number;
  readonly embedding: number;
  /** Values of one patch: 3 · patchSize². */
  readonly patchValues: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** A vision transformer. One folder per kind. */
export interface VisionTower {
  readonly shape: VisionTowerShape;
  readonly weights: readonly WeightSpec[];
  readonly maxNodes: number;
  /** @param patches f32 [patchValues, grid²] @returns f32 [embedding, grid²] */
  build(graph: Graph, weights: Weights, patches: Tensor): Tensor;
}
