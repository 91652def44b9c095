import { EdgeVlmError } from '../core/errors.js';
import type { ImageTile } from '../core/image.js';
import type { Backend } from './ggml/backend.js';
import { CpuBackend } from './ggml/cpu-backend.js';
import { GraphAllocator } from './ggml/graph-allocator.js';
import { Graph } from './ggml/graph.js';
import { Resource } from './ggml/resource.js';
import { SlicedGraph } from './ggml/sliced-graph.js';
import type { Tensor } from './ggml/tensor.js';
import { tileToPatches } from './tile-to-patches.js';
import type { VisionFamily } from './vision-family.js';
import type { Weights } from './weights.js';

/** A tile that is being encoded. */
export interface Encoding {
  /** Goes on for about so long. @returns [tokensPerTile, embedding] at the end, else undefined @throws CANCELLED */
  next(target_ms: number, signal?: AbortSignal): Promise<Float32Array | undefined>;
}

/** Turns tiles into image tokens, one tile per graph run; the graph is built once. */
export class VisionEncoder extends Resource {
  readonly #allocator: GraphAllocator;
  readonly #graph: Graph;
  readonly #patches: Tensor;
  readonly #tokens: Tensor;
  /** null on a device: it has done the whole before streams would notice. */
  readonly #slices: SlicedGraph | null;

  constructor(
    private readonly backend: Backend,
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
    this.#slices = backend instanceof CpuBackend ? new SlicedGraph(backend, this.#graph) : null;
  }

  /**
   * The whole tile in one go.
   * @returns [tokensPerTile, embedding]
   * @throws BATCH_INVALID for a tile of another size; CANCELLED
   */
  async encode(tile: ImageTile, signal?: AbortSignal): Promise<Float32Array> {
    this.#fill(tile);
    await this.backend.compute(this.#graph.pointer, signal);
    return this.#read();
  }

  /**
   * The same in slices. Between them the backend may run other graphs, but no other tile of this encoder.
   * @throws BATCH_INVALID for a tile of another size
   */
  begin(tile: ImageTile): Encoding {
    const slices = this.#slices;
    if (slices === null) return { next: (_, signal) => this.encode(tile, signal) };
    this.#fill(tile);
    let at: number | null = 0;
    return {
      next: async (target_ms, signal) => {
        at = await slices.run(at ?? 0, target_ms, signal);
        return at === null ? this.#read() : undefined;
      },
    };
  }

  protected release(): void {
    this.#graph[Symbol.dispose]();
    this.#allocator[Symbol.dispose]();
  }

  #fill(tile: ImageTile): void {
    this.assertAlive();
    const { shape } = this.family.tower;
    if (tile.width !== shape.imageSize || tile.height !== shape.imageSize || tile.rgb.length !== 3 * shape.imageSize ** 2) {
      throw new EdgeVlmError('BATCH_INVALID', `a tile of ${tile.width}×${tile.height} px does not fit a tower of ${shape.imageSize} px`);
    }
    const patches = tileToPatches(tile, shape);
    this.#graph.set(this.#patches, patches, patches.byteLength);
  }

  #read(): Float32Array {
    const tokens = new Float32Array(this.#tokens.elements);
    this.#graph.get(this.#tokens, tokens, 0, tokens.byteLength);
    return tokens;
  }
}
