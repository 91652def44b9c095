import { EdgeVlmError } from '../../core/errors.js';
import type { Gpu } from '../ffi/find-gpu.js';
import { loadNative, type Native } from '../ffi/native.js';
import type { Pointer } from '../ffi/pointer.js';
import type { Backend, BufferType, ComputeGraph } from './backend.js';
import { CpuBackend } from './cpu-backend.js';
import { DeviceKernels } from './device-kernels.js';
import { Resource } from './resource.js';
import { ShortCalls } from './short-calls.js';
import { SplitGraph } from './split-graph.js';
import type { ThreadpoolOptions } from './threadpool.js';

/** `enum ggml_status`. */
const STATUS_SUCCESS = 0;

/**
 * A graphics card or the like. Weights, caches and graphs lie in its memory; what it has no kernel for is computed by the processor,
 * between two parts of the graph, and that costs copies. A graph that has begun cannot be aborted.
 */
export class DeviceBackend extends Resource implements Backend {
  readonly native: Native;
  readonly device: Pointer;
  readonly description: string;
  readonly threads: number;
  readonly defaultBufferType: BufferType;
  readonly hostBufferType: BufferType;
  readonly repackBufferTypes: readonly BufferType[] = [];
  readonly helpedWith = new Set<string>();
  readonly #name: string;
  readonly #pointer: Pointer;
  readonly #host: CpuBackend;
  readonly #kernels: DeviceKernels;
  readonly #calls = new ShortCalls();
  /** Graphs that the processor helps with, by their address. */
  readonly #split = new Map<Pointer, SplitGraph>();
  #busy = false;

  /** @param options of the processor's threads, which wait otherwise @throws DEVICE_UNAVAILABLE, NATIVE_FAILED */
  constructor({ name, description, pointer }: Gpu, options: ThreadpoolOptions) {
    super(name);
    this.native = loadNative();
    const { ggml } = this.native;
    const backend = ggml.ggml_backend_dev_init(pointer, null);
    if (backend === null) throw new EdgeVlmError('DEVICE_UNAVAILABLE', `${name} (${description}) cannot be used`);
    this.#name = name;
    this.#pointer = backend;
    this.device = pointer;
    this.description = description;
    this.#host = new CpuBackend(options);
    this.threads = this.#host.threads;
    this.hostBufferType = this.#host.defaultBufferType;
    const bufferType = ggml.ggml_backend_get_default_buffer_type(backend);
    this.defaultBufferType = { pointer: bufferType, name: ggml.ggml_backend_buft_name(bufferType), plain: false };
    this.#kernels = new DeviceKernels(this.native, pointer);
  }

  freeBytes(): number {
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
    this.native.ggml.ggml_backend_dev_memory(this.device, free, total);
    return Number(free[0]);
  }

  schedule(graph: ComputeGraph): SplitGraph | null {
    this.assertAlive();
    const { missing, fixed } = this.#kernels.missing(graph.pointer);
    if (fixed !== undefined) {
      throw new EdgeVlmError('DEVICE_UNAVAILABLE', `${this.#name} cannot compute ${fixed}, which ${graph.label} needs in its memory`);
    }
    if (missing.length === 0) {
      this.#split.delete(graph.pointer);
      return null;
    }
    for (const operation of missing) this.helpedWith.add(operation);
    const split = new SplitGraph(this.native, [this.#pointer, this.#host.pointer], graph, () => {
      if (this.#split.get(graph.pointer) === split) this.#split.delete(graph.pointer);
    });
    this.#split.set(graph.pointer, split);
    return split;
  }

  async compute(graph: Pointer, signal?: AbortSignal, expected_ms?: number): Promise<void> {
    this.assertAlive();
    if (this.#busy) throw new EdgeVlmError('INTERNAL', 'the device already runs a graph');
    if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled');
    const { ggml } = this.native;
    const split = this.#split.get(graph);
    this.#busy = true;
    try {
      const status =
        split === undefined
          ? await this.#calls.call(expected_ms, ggml.ggml_backend_graph_compute, this.#pointer, graph)
          : await this.#calls.call(expected_ms, ggml.ggml_backend_sched_graph_compute, split.pointer, graph);
      if (status !== STATUS_SUCCESS)
        throw new EdgeVlmError('NATIVE_FAILED', `${this.#name} could not compute the graph (status ${status})`);
    } finally {
      this.#busy = false;
    }
  }

  protected release(): void {
    this.native.ggml.ggml_backend_free(this.#pointer);
    this.#host[Symbol.dispose]();
  }
}
