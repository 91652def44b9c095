import { EdgeVlmError } from '../../core/errors.js';
import type { Native } from '../ffi/native.js';
import { NativeMemory, writePointer } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';
import type { ComputeGraph, ScheduledGraph } from './backend.js';

/** Nodes, leaves and what is copied from one backend to the other, for each place of a graph. */
const PLACES_PER_NODE = 3;
const POINTER_BYTES = 8;

/** One graph under ggml's scheduler, which cuts it where another backend must take over and copies what crosses a cut. */
export class SplitGraph implements ScheduledGraph {
  readonly pointer: Pointer;

  /** @param backends best first, the processor's last @param onDispose called once @throws OUT_OF_MEMORY */
  constructor(
    private readonly native: Native,
    backends: readonly Pointer[],
    graph: ComputeGraph,
    private readonly onDispose: () => void,
  ) {
    const { ggml } = native;
    using list = new NativeMemory(backends.length * POINTER_BYTES);
    backends.forEach((backend, i) => {
      writePointer(list.pointer, i * POINTER_BYTES, backend);
    });
    const places = ggml.ggml_graph_size(graph.pointer) * PLACES_PER_NODE;
    const pointer = ggml.ggml_backend_sched_new(list.pointer, null, backends.length, places, false, false);
    if (pointer === null || !ggml.ggml_backend_sched_alloc_graph(pointer, graph.pointer)) {
      if (pointer !== null) ggml.ggml_backend_sched_free(pointer);
      throw new EdgeVlmError('OUT_OF_MEMORY', `no memory to compute ${graph.label}`);
    }
    this.pointer = pointer;
  }

  [Symbol.dispose](): void {
    this.onDispose();
    this.native.ggml.ggml_backend_sched_free(this.pointer);
  }
}
