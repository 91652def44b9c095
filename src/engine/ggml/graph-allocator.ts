import { EdgeVlmError } from '../../core/errors.js';
import type { Pointer } from '../ffi/pointer.js';
import type { Backend, ScheduledGraph } from './backend.js';
import type { Graph } from './graph.js';
import { Resource } from './resource.js';

/**
 * Memory for what graphs compute in between, shared by all graphs of a kind and grown when one needs more.
 * Growing moves the memory, which invalidates every graph placed before.
 */
export class GraphAllocator extends Resource {
  readonly #pointer: Pointer;
  /** The last graph that the processor helps a device with. */
  #scheduled: ScheduledGraph | null = null;

  constructor(private readonly backend: Backend) {
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
   * @throws OUT_OF_MEMORY; DEVICE_UNAVAILABLE for an operation that neither the device nor the processor can compute there
   */
  place(graph: Graph): boolean {
    this.assertAlive();
    const scheduled = this.backend.schedule(graph);
    if (scheduled !== null) {
      // It has memory of its own, so there is only ever one.
      this.#scheduled?.[Symbol.dispose]();
      this.#scheduled = scheduled;
      return true;
    }
    const before = this.bytes;
    if (!this.backend.native.ggml.ggml_gallocr_alloc_graph(this.#pointer, graph.pointer)) {
      throw new EdgeVlmError('OUT_OF_MEMORY', `no memory to compute ${graph.label}`);
    }
    return this.bytes !== before;
  }

  protected release(): void {
    this.#scheduled?.[Symbol.dispose]();
    this.backend.native.ggml.ggml_gallocr_free(this.#pointer);
  }
}
