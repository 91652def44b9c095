import { EdgeVlmError } from '../../core/errors.js';
import { loadNative, type Native } from '../ffi/native.js';
import { callAsync, NativeMemory, viewMemory } from '../ffi/native-memory.js';
import { nativeLog } from '../ffi/native-log.js';
import type { Pointer } from '../ffi/pointer.js';
import { CpuBackend } from '../ggml/cpu-backend.js';
import { Resource } from '../ggml/resource.js';

export interface LibllamaOptions {
  readonly model: string;
  readonly threads: number;
  readonly context: number;
  /** Element type of the cache. Default f16. */
  readonly cacheType?: 'f16' | 'f32';
  /** Default: as libllama decides. */
  readonly flashAttention?: boolean;
}

/** `enum ggml_type`. */
const CACHE_TYPES = { f32: 0, f16: 1 } as const;
/** `enum llama_flash_attn_type`. */
const FLASH_ATTENTION = { auto: -1, off: 0, on: 1 } as const;

/**
 * libllama's own forward pass, with an attached threadpool as llama-bench has one: the peer that the engine is
 * checked and measured against. One sequence.
 */
export class LibllamaModel extends Resource {
  readonly vocabulary: number;
  readonly #native: Native;
  readonly #threads: CpuBackend;
  readonly #model: Pointer;
  readonly #context: Pointer;
  readonly #tokens: NativeMemory;
  readonly #capacity: number;

  /** @throws MODEL_UNSUPPORTED, OUT_OF_MEMORY, with libllama's own words */
  constructor(options: LibllamaOptions) {
    super('libllama model');
    const native = loadNative();
    const { llama } = native;
    const model = llama.llama_model_load_from_file(options.model, { ...llama.llama_model_default_params(), n_gpu_layers: 0 });
    if (model === null) throw new EdgeVlmError('MODEL_UNSUPPORTED', `libllama cannot load ${options.model}: ${nativeLog(1).join('')}`);
    const cacheType = CACHE_TYPES[options.cacheType ?? 'f16'];
    const flash = options.flashAttention;
    const context = llama.llama_init_from_model(model, {
      ...llama.llama_context_default_params(),
      n_ctx: options.context,
      n_batch: options.context,
      n_threads: options.threads,
      n_threads_batch: options.threads,
      type_k: cacheType,
      type_v: cacheType,
      flash_attn_type: FLASH_ATTENTION[flash === undefined ? 'auto' : flash ? 'on' : 'off'],
      no_perf: true,
    });
    if (context === null) {
      llama.llama_model_free(model);
      throw new EdgeVlmError('OUT_OF_MEMORY', `libllama cannot make a context for ${options.model}: ${nativeLog(1).join('')}`);
    }
    this.#native = native;
    this.#model = model;
    this.#context = context;
    this.#capacity = options.context;
    this.#tokens = new NativeMemory(4 * options.context);
    this.#threads = new CpuBackend({ threads: options.threads });
    llama.llama_attach_threadpool(context, this.#threads.threadpool.pointer, null);
    this.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model));
  }

  /** Appends tokens. @throws CONTEXT_FULL, NATIVE_FAILED */
  async append(tokens: Int32Array): Promise<void> {
    this.assertAlive();
    if (tokens.length > this.#capacity) throw new EdgeVlmError('CONTEXT_FULL', `${tokens.length} tokens in a context of ${this.#capacity}`);
    const { llama } = this.#native;
    new Int32Array(this.#tokens.buffer).set(tokens);
    const status = await callAsync(llama.llama_decode, this.#context, llama.llama_batch_get_one(this.#tokens.pointer, tokens.length));
    if (status !== 0) throw new EdgeVlmError('NATIVE_FAILED', `llama_decode answered ${status}`);
  }

  /** Logits of the last token appended, [vocabulary]. @throws NATIVE_FAILED */
  logits(): Float32Array {
    const logits = this.#native.llama.llama_get_logits_ith(this.#context, -1);
    if (logits === null) throw new EdgeVlmError('NATIVE_FAILED', 'libllama has no logits');
    return new Float32Array(viewMemory(logits, 4 * this.vocabulary)).slice();
  }

  /** Forgets every token from `length` on. */
  truncate(length: number): void {
    const { llama } = this.#native;
    llama.llama_memory_seq_rm(llama.llama_get_memory(this.#context), 0, length, -1);
  }

  protected release(): void {
    const { llama } = this.#native;
    llama.llama_free(this.#context);
    llama.llama_model_free(this.#model);
    this.#threads[Symbol.dispose]();
    this.#tokens[Symbol.dispose]();
  }
}
