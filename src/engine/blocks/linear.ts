import type { Graph } from '../ggml/graph.js';
import type { Tensor } from '../ggml/tensor.js';

/** A matrix [in, out] and its bias [out], where it has one. */
export interface Linear {
  readonly weight: Tensor;
  readonly bias?: Tensor | undefined;
}

/** x·Wᵀ + b. */
export function linear(graph: Graph, x: Tensor, { weight, bias }: Linear): Tensor {
  const product = graph.mulMat(weight, x);
  return bias === undefined ? product : graph.add(product, bias);
}
