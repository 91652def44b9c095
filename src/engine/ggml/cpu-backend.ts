import { EdgeVlmError } from '../../core/errors.js';
import { loadNative, type Native } from '../ffi/native.js';
import { functionAt, readPointer } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';
import { AbortFlag } from './abort-flag.js';
import type { Backend, BufferType } from './backend.js';
import { Resource } from './resource.js';
import { ShortCalls } from './short-calls.js';
import { Threadpool, type ThreadpoolOptions } from './threadpool.js';

/** `enum ggml_backend_dev_type`. */
const DEVICE_TYPE_CPU = 0;
/** `enum ggml_status`. */
const STATUS_SUCCESS = 0;
const STATUS_ABORTED = 1;
/** At most this many extra buffer types are listed; the list ends with a null pointer. */
const MAX_EXTRA_BUFFER_TYPES = 16;

/** ggml's CPU backend with its own threads. Runs one graph at a time. */
export class CpuBackend extends Resource implements Backend {
  readonly native: Native;
  readonly pointer: Pointer;
  readonly device: Pointer;
  readonly description: string;
  readonly threads: number;
  readonly threadpool: Threadpool;
  readonly defaultBufferType: BufferType;
  readonly hostBufferType: BufferType;
  readonly repackBufferTypes: readonly BufferType[];
  readonly helpedWith: ReadonlySet<string> = new Set();
  readonly #abort: AbortFlag;
  readonly #calls = new ShortCalls();
  #busy = false;

  constructor(options: ThreadpoolOptions) {
    super('CPU backend');
    this.native = loadNative();
    const { ggml } = this.native;
    const pointer = ggml.ggml_backend_init_by_type(DEVICE_TYPE_CPU, null);
    if (pointer === null) throw new EdgeVlmError('NATIVE_FAILED', 'no CPU backend suits this processor');
    this.pointer = pointer;
    this.device = ggml.ggml_backend_get_device(pointer);
    this.description = ggml.ggml_backend_dev_description(this.device);
    this.threads = options.threads;

    this.threadpool = new Threadpool(
      ggml,
      {
        create: functionAt(this.#procedure('ggml_threadpool_new'), 'void* edgevlm_threadpool_new(void* params)'),
        free: functionAt(this.#procedure('ggml_threadpool_free'), 'void edgevlm_threadpool_free(void* threadpool)'),
      },
      options,
    );
    functionAt<(backend: Pointer, threads: number) => void>(
      this.#procedure('ggml_backend_set_n_threads'),
      'void edgevlm_set_n_threads(void* backend, int n)',
    )(pointer, options.threads);
    functionAt<(backend: Pointer, threadpool: Pointer) => void>(
      this.#procedure('ggml_backend_cpu_set_threadpool'),
      'void edgevlm_set_threadpool(void* backend, void* threadpool)',
    )(pointer, this.threadpool.pointer);

    this.#abort = new AbortFlag(this.native);
    functionAt<(backend: Pointer, callback: Pointer, data: Pointer) => void>(
      this.#procedure('ggml_backend_set_abort_callback'),
      'void edgevlm_set_abort_callback(void* backend, void* callback, void* data)',
    )(pointer, this.#abort.callback, this.#abort.data);

    this.defaultBufferType = this.#bufferType(ggml.ggml_backend_get_default_buffer_type(pointer), true);
    this.hostBufferType = this.defaultBufferType;
    this.repackBufferTypes = this.#extraBufferTypes();
  }

  freeBytes(): null {
    return null;
  }

  /** The processor has kernels for every operation. */
  schedule(): null {
    return null;
  }

  async compute(graph: Pointer, signal?: AbortSignal, expected_ms?: number): Promise<void> {
    this.assertAlive();
    if (this.#busy) throw new EdgeVlmError('INTERNAL', 'the backend already runs a graph');
    if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled');
    const raise = (): void => {
      this.#abort.raise();
    };
    this.#busy = true;
    this.#abort.lower();
    signal?.addEventListener('abort', raise, { once: true });
    try {
      const status = await this.#calls.call(expected_ms, this.native.ggml.ggml_backend_graph_compute, this.pointer, graph);
      if (status === STATUS_ABORTED) throw new EdgeVlmError('CANCELLED', 'cancelled');
      if (status !== STATUS_SUCCESS) throw new EdgeVlmError('NATIVE_FAILED', `ggml could not compute the graph (status ${status})`);
    } finally {
      signal?.removeEventListener('abort', raise);
      this.#busy = false;
    }
  }

  protected release(): void {
    this.native.ggml.ggml_backend_free(this.pointer);
    this.threadpool[Symbol.dispose]();
    this.#abort[Symbol.dispose]();
  }

  #procedure(name: string): Pointer {
    const { ggml } = this.native;
    const address = ggml.ggml_backend_reg_get_proc_address(ggml.ggml_backend_dev_backend_reg(this.device), name);
    if (address === null) throw new EdgeVlmError('NATIVE_FAILED', `this release of ggml lacks ${name}`);
    return address;
  }

  #bufferType(pointer: Pointer, plain: boolean): BufferType {
    return { pointer, name: this.native.ggml.ggml_backend_buft_name(pointer), plain };
  }

  #extraBufferTypes(): BufferType[] {
    const list = functionAt<(device: Pointer) => Pointer | null>(
      this.#procedure('ggml_backend_dev_get_extra_bufts'),
      'void* edgevlm_extra_bufts(void* device)',
    )(this.device);
    const types: BufferType[] = [];
    for (let i = 0; list !== null && i < MAX_EXTRA_BUFFER_TYPES; i++) {
      const pointer = readPointer(list, i * 8);
      if (pointer === null) break;
      types.push(this.#bufferType(pointer, false));
    }
    return types;
  }
}
