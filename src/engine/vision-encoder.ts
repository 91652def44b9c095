import { EdgeVlmError } from '../core/errors.js';
import type { ImageTile } from '../core/image.js';
import type { CpuBackend } from './ggml/cpu-backend.js';
import { GraphAllocator } from './ggml/graph-allocator.js';
import { Graph } from './ggml/graph.js';
import { Resource } from './ggml/resource.js';
import type { Tensor } from './ggml/tensor.js';
import { tileToPatches } from './tile-to-patches.js';
import type { VisionFamily } from './vision-family.js';
import type { Weights } from './weights.js';

/** Turns tiles into image tokens, one tile per graph run; the graph is built once. */
export class VisionEncoder extends Resource {
  readonly #allocator: GraphAllocator;
  readonly #graph: Graph;
  readonly #patches: Tensor;
  readonly #tokens: Tensor;

  constructor(
    private readonly backend: CpuBackend,
    readonly family: VisionFamily,
    weights: Weights,
  ) {
    super('vision encoder', [backend, weights]);
    const { tower, projector } = family;
    this.#allocator = new GraphAllocator(backend);
    this.#graph = new Graph('vision graph', backend, tower.maxNodes + projector.maxNodes, [weights]);
    this.#patches = this.#graph.input('f32', [tower.shape.patchValues, tower.shape.grid ** 2], 'patches');
    const encoded = tower.build(this.#graph, weights, this.#patches);
    this.#tokens = this.#graph.output(projector.build(this.#graph, weights, encoded));
    this.#allocator.place(this.#graph);
  }

  /**
   * @returns [tokensPerTile, embedding]
   * @throws BATCH_INVALID for a tile of another size; CANCELLED
   */
  async encode(tile: ImageTile, signal?: AbortSignal): Promise<Float32Array> {
    this.assertAlive();
    const { shape } = this.family.tower;
    if (tile.width !== shape.imageSize || tile.height !== shape.imageSize || tile.rgb.length !== 3 * shape.imageSize ** 2) {
      throw new EdgeVlmError('BATCH_INVALID', `a tile of ${tile.width}×${tile.height} px does not fit a tower of ${shape.imageSize} px`);
    }
    const patches = tileToPatches(tile, shape);
    this.#graph.set(this.#patches, patches, patches.byteLength);
    await this.backend.compute(this.#graph.pointer, signal);
    const tokens = new Float32Array(this.#tokens.elements);
    this.#graph.get(this.#tokens, tokens, 0, tokens.byteLength);
    return tokens;
  }

  protected release(): void {
    this.#graph[Symbol.dispose]();
    this.#allocator[Symbol.dispose]();
  }
}
