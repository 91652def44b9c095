import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';

/** From so many weightings on, one dequantised and turned copy costs less than reading the rows for each of them. */
const COPY_FROM = 16;

/** Sum over k of rows[·, k] · weights[k, m]: `rows` [n, k, p] in any type, `weights` f32 [k, m, p], the result f32 [n, m, p]. */
export function weightedSum(graph: Graph, rows: Tensor, weights: Tensor): Tensor {
  if (weights.shape[1] < COPY_FROM) return graph.outProduct(rows, graph.transpose(weights));
  const plain = rows.type === 'f16' ? rows : graph.cast(rows, 'f32');
  return graph.mulMat(graph.contiguous(graph.transpose(plain)), weights);
}
