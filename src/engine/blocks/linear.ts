import type { GgmlType } from '../../formats/gguf/ggml-types.js';
import type { Graph } from '../ggml/graph.js';
import type { Tensor } from '../ggml/tensor.js';

/** A matrix [in, out] and its bias [out], where it has one. */
export interface Linear {
  readonly weight: Tensor;
  readonly bias?: Tensor | undefined;
}

/**
 * Up to how many tokens ggml's kernel for one is faster, token by token, than its kernel for several: by 17 to 36% of a batch in q8_0, 12
 * to 33% in f32 (x64 with AVX-512). It also makes their logits bit for bit those of one token at a time. Repacked weights have kernels of their own.
 */
const ROW_KERNEL_TOKENS: Partial<Record<GgmlType, number>> = { q8_0: 5, f32: 7, bf16: 3, f16: 2 };

/** x·Wᵀ + b. `x` is [in, tokens]. */
export function linear(graph: Graph, x: Tensor, { weight, bias }: Linear): Tensor {
  const [, output] = weight.shape;
  const [input, tokens] = x.shape;
  const byToken = !weight.repacked && tokens > 1 && tokens <= (ROW_KERNEL_TOKENS[weight.type] ?? 0) && x.contiguous;
  // One token to a plane: ggml takes the kernel for several where a plane has several.
  const product = byToken
    ? graph.reshape(graph.mulMat(weight, graph.reshape(x, [input, 1, tokens])), [output, tokens])
    : graph.mulMat(weight, x);
  return bias === undefined ? product : graph.add(product, bias);
}
