import type { Native } from '../ffi/native.js';
import { readPointer } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';

/** Offsets in `struct ggml_tensor`. */
const BUFFER_OFFSET = 8;
const SOURCES_OFFSET = 152;
const VIEWED_OFFSET = 232;

/** What a device cannot compute of a graph, in ggml's names. */
interface MissingKernels {
  /** What the processor can compute instead. */
  readonly missing: readonly string[];
  /** An operation whose result must lie in the device's memory, such as a cache's: nobody else can write it there. */
  readonly fixed?: string;
}

/** Asks a device, operation by operation, what it has kernels for. */
export class DeviceKernels {
  /** Whether the device reads what lies in a buffer. */
  readonly #reads = new Map<Pointer, boolean>();

  constructor(
    private readonly native: Native,
    private readonly device: Pointer,
  ) {}

  /** @param graph before it is placed: only weights and caches have memory */
  missing(graph: Pointer): MissingKernels {
    const { ggml } = this.native;
    const missing: string[] = [];
    this.#reads.clear();
    for (let i = 0; i < ggml.ggml_graph_n_nodes(graph); i++) {
      const node = ggml.ggml_graph_node(graph, i);
      const supported = ggml.ggml_backend_dev_supports_op(this.device, node);
      // Weights come first among what an operation reads.
      const weight = readPointer(node, SOURCES_OFFSET);
      if (supported && (weight === null || this.#readable(weight))) continue;
      const name = ggml.ggml_op_desc(node);
      const viewed = readPointer(node, VIEWED_OFFSET);
      if (viewed !== null && readPointer(viewed, BUFFER_OFFSET) !== null) return { missing, fixed: name };
      missing.push(name);
    }
    return { missing };
  }

  #readable(tensor: Pointer): boolean {
    const { ggml } = this.native;
    const buffer = readPointer(readPointer(tensor, VIEWED_OFFSET) ?? tensor, BUFFER_OFFSET);
    if (buffer === null) return true;
    const known = this.#reads.get(buffer) ?? ggml.ggml_backend_dev_supports_buft(this.device, ggml.ggml_backend_buffer_get_type(buffer));
    this.#reads.set(buffer, known);
    return known;
  }
}
