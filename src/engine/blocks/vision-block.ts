import type { Activation, Graph } from '../ggml/graph.js';
import type { Tensor } from '../ggml/tensor.js';
import { linear, type Linear } from './linear.js';

/** LayerNorm's scale and shift, [embedding] each. */
export interface LayerNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly epsilon: number;
}

/** Weights of one pre-norm transformer block without a mask. */
export interface VisionBlock {
  readonly norm1: LayerNorm;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly norm2: LayerNorm;
  readonly up: Linear;
  readonly down: Linear;
  readonly activation: Activation;
  readonly heads: number;
}

export function layerNorm(graph: Graph, x: Tensor, { weight, bias, epsilon }: LayerNorm): Tensor {
  return graph.add(graph.mul(graph.norm(x, epsilon), weight), bias);
}

/** `x` is [embedding, patches] and keeps that shape. */
export function visionBlock(graph: Graph, x: Tensor, weights: VisionBlock): Tensor {
  const [embedding, patches] = x.shape;
  const headSize = embedding / weights.heads;
  const normed = layerNorm(graph, x, weights.norm1);
  const heads = (projection: Linear): Tensor =>
    graph.swapRowsAndPlanes(graph.reshape(linear(graph, normed, projection), [headSize, weights.heads, patches]));
  const [query, key, value] = [heads(weights.query), heads(weights.key), heads(weights.value)];
  const attention = graph.flashAttention(query, key, value, null, 1 / Math.sqrt(headSize));
  const attended = graph.add(x, linear(graph, graph.reshape(attention, [embedding, patches]), weights.output));
  const hidden = graph.activate(linear(graph, layerNorm(graph, attended, weights.norm2), weights.up), weights.activation);
  return graph.add(attended, linear(graph, hidden, weights.down));
}
