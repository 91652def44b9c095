import { EdgeVlmError } from '../../core/errors.js';
import type { GgmlFunctions } from '../ffi/ggml-functions.js';
import { NativeMemory } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';
import { Resource } from './resource.js';

/** `struct ggml_threadpool_params`: bool cpumask[512], int n_threads, int prio, uint32_t poll, bool strict_cpu, bool paused. */
const PARAMS_BYTES = 528;
const POLL_OFFSET = 520;
const STRICT_OFFSET = 524;
/** `GGML_MAX_N_THREADS`: CPUs beyond it cannot be chosen. */
const MASK_CPUS = 512;

/** Entry points of the CPU backend, which are found by name at run time. */
export interface ThreadpoolFunctions {
  create(parameters: Pointer): Pointer | null;
  free(threadpool: Pointer): void;
}

export interface ThreadpoolOptions {
  readonly threads: number;
  /** How eagerly idle threads spin before they sleep, 0 (never) to 100. Default 50, ggml's own. */
  readonly poll?: number | undefined;
  /** CPUs to run on, 0..511; one thread stays on each where there are enough. Default: wherever the system puts them. */
  readonly cpus?: readonly number[] | undefined;
}

/** Threads that live as long as the backend. Without them these builds of ggml create and join threads for every graph. */
export class Threadpool extends Resource {
  readonly pointer: Pointer;
  readonly #functions: ThreadpoolFunctions;

  constructor(ggml: GgmlFunctions, functions: ThreadpoolFunctions, options: ThreadpoolOptions) {
    super('threadpool');
    using parameters = new NativeMemory(PARAMS_BYTES);
    ggml.ggml_threadpool_params_init(parameters.pointer, options.threads);
    const cpus = (options.cpus ?? []).filter((cpu) => cpu < MASK_CPUS);
    for (const cpu of cpus) new Uint8Array(parameters.buffer)[cpu] = 1;
    if (cpus.length >= options.threads) new Uint8Array(parameters.buffer)[STRICT_OFFSET] = 1;
    if (options.poll !== undefined) new DataView(parameters.buffer).setUint32(POLL_OFFSET, options.poll, true);
    const pointer = functions.create(parameters.pointer);
    if (pointer === null) throw new EdgeVlmError('NATIVE_FAILED', `cannot start ${options.threads} threads`);
    this.pointer = pointer;
    this.#functions = functions;
  }

  protected release(): void {
    this.#functions.free(this.pointer);
  }
}
