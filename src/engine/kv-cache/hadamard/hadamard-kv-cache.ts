import { Buffer } from '../../ggml/buffer.js';
import type { Backend } from '../../ggml/backend.js';
import type { Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import { TensorContext } from '../../ggml/tensor-context.js';
import { FullKvCache, type FullKvCacheType } from '../full/full-kv-cache.js';
import type { KvCacheGeometry, KvPlan, SequenceTokens } from '../kv-cache.js';
import type { ScoredAttention, TokenRange } from '../selective-kv-cache.js';
import { hadamardMatrix, rotationSize } from './hadamard-matrix.js';

/** Three rotations in and one out, each a product between two reshapes. */
const ROTATION_NODES = 16;

/**
 * Keys and values quantised after a rotation of every head by a Walsh-Hadamard matrix, which spreads what is far out in one channel over
 * all of them (QuaRot, arXiv 2404.00456). Queries are rotated alike, so scores stay what they were; the output is rotated back.
 */
export class HadamardKvCache extends FullKvCache {
  readonly #context: TensorContext;
  readonly #buffer: Buffer;
  readonly #matrix: Tensor;

  /** @throws USAGE where the type's blocks do not divide a head, OUT_OF_MEMORY */
  constructor(backend: Backend, geometry: KvCacheGeometry, type: FullKvCacheType) {
    super(backend, geometry, type);
    const size = rotationSize(geometry.headSize);
    this.#context = new TensorContext('rotation header', backend, 1);
    this.#matrix = this.#context.create('f32', [size, size], 'kv_rotation');
    this.#buffer = new Buffer('rotation', this.#context, backend.defaultBufferType, [this.#matrix]);
    const values = hadamardMatrix(size);
    backend.native.ggml.ggml_backend_tensor_set(this.#matrix.pointer, values, 0, values.byteLength);
  }

  override get bytes(): number {
    return super.bytes + this.#buffer.bytes;
  }

  override plan(batch: readonly SequenceTokens[]): ReturnType<FullKvCache['plan']> {
    return withRotation(super.plan(batch));
  }

  override revisit(sequence: number, from: number): ReturnType<FullKvCache['plan']> {
    return withRotation(super.revisit(sequence, from));
  }

  override store(graph: Graph, inputs: Parameters<FullKvCache['store']>[1], layer: number, k: Tensor, v: Tensor): void {
    super.store(graph, inputs, layer, this.#rotate(graph, k), this.#rotate(graph, v));
  }

  override attendScored(
    graph: Graph,
    inputs: Parameters<FullKvCache['attendScored']>[1],
    layer: number,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: number,
    queries: readonly TokenRange[],
  ): ScoredAttention {
    const { attended, scores } = super.attendScored(graph, inputs, layer, this.#rotate(graph, q), k, v, scale, queries);
    return { attended: this.#rotate(graph, attended), scores };
  }

  protected override release(): void {
    this.#buffer[Symbol.dispose]();
    this.#context[Symbol.dispose]();
    super.release();
  }

  /**
   * On the processor one head to a plane: ggml then takes its kernel for one row however many tokens there are, and each gets the same
   * bits alone. Devices have a bound on planes.
   */
  #rotate(graph: Graph, x: Tensor): Tensor {
    const [size] = this.#matrix.shape;
    const [row, rows, planes] = x.shape;
    const heads = x.elements / size;
    const apart = this.#buffer.type.plain ? graph.reshape(x, [size, 1, heads]) : graph.reshape(x, [size, heads]);
    return graph.reshape(graph.mulMat(this.#matrix, apart), [row, rows, planes]);
  }
}

function withRotation<Plan extends KvPlan>(plan: Plan): Plan {
  return { ...plan, nodesPerLayer: plan.nodesPerLayer + ROTATION_NODES };
}
