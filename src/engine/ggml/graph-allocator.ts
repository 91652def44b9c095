import { EdgeVlmError } from '../../core/errors.js';
import type { Pointer } from '../ffi/pointer.js';
import type { CpuBackend } from './cpu-backend.js';
import type { Graph } from './graph.js';
import { Resource } from './resource.js';

/**
 * Memory for what graphs compute in between, shared by all graphs of a kind and grown when one needs more.
 * Growing moves the memory, which invalidates every graph placed before.
 */
export class GraphAllocator extends Resource {
  readonly #pointer: Pointer;

  constructor(private readonly backend: CpuBackend) {
    super('graph memory', [backend]);
    const pointer = backend.native.ggml.ggml_gallocr_new(backend.defaultBufferType.pointer);
    if (pointer === null) throw this.failed(new EdgeVlmError('OUT_OF_MEMORY', 'no memory for graphs'));
    this.#pointer = pointer;
  }

  get bytes(): number {
    return this.backend.native.ggml.ggml_gallocr_get_buffer_size(this.#pointer, 0);
  }

  /**
   * Gives every tensor of the graph its place.
   * @returns true when the memory moved: graphs placed earlier must be built again
   * @throws OUT_OF_MEMORY
   */
  place(graph: Graph): boolean {
    this.assertAlive();
    const before = this.bytes;
    if (!this.backend.native.ggml.ggml_gallocr_alloc_graph(this.#pointer, graph.pointer)) {
      throw new EdgeVlmError('OUT_OF_MEMORY', `no memory to compute ${graph.label}`);
    }
    return this.bytes !== before;
  }

  protected release(): void {
    this.backend.native.ggml.ggml_gallocr_free(this.#pointer);
  }
}
