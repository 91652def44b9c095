import { linear } from '../blocks/linear.js';
import type { Graph } from '../ggml/graph.js';
import type { Tensor } from '../ggml/tensor.js';
import type { Weights } from '../weights.js';
import { linearWeights } from './linear-specs.js';

/** Two matrices with the exact GELU between them, patch by patch: the start of every projector of the LLaVA line. */
export function twoLayerPerceptron(graph: Graph, weights: Weights, x: Tensor, first: string, second: string): Tensor {
  const hidden = graph.activate(linear(graph, x, linearWeights(weights, first)), 'gelu_erf');
  return linear(graph, hidden, linearWeights(weights, second));
}
