import { EdgeVlmError } from '../../core/errors.js';
import { loadNative, type Native } from '../ffi/native.js';
import { NativeMemory, readPointer, viewMemory, writePointer } from '../ffi/native-memory.js';
import type { Pointer } from '../ffi/pointer.js';
import type { ResolvedSampling } from './resolve-sampling.js';
import type { Sampler } from './sampler.js';

/** `struct llama_token_data`: int32 id, float logit, float p. */
const TOKEN_DATA_BYTES = 12;
/** `struct llama_token_data_array`: data, size, selected, sorted. */
const ARRAY_BYTES = 32;
const SIZE_OFFSET = 8;
const SELECTED_OFFSET = 16;
const SORTED_OFFSET = 24;

/** libllama's samplers in llama.cpp's order: penalties, top-k, top-p, min-p, temperature, draw (or the likeliest, at temperature 0). */
export class ChainSampler implements Sampler {
  readonly #native: Native;
  readonly #chain: Pointer;
  readonly #candidates: NativeMemory;
  readonly #array: NativeMemory;
  readonly #ids: Int32Array;
  readonly #values: Float32Array;
  readonly #view: DataView;

  constructor(
    private readonly vocabulary: number,
    options: ResolvedSampling,
  ) {
    const native = loadNative();
    const { llama } = native;
    const chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params());
    const add = (sampler: Pointer): void => {
      llama.llama_sampler_chain_add(chain, sampler);
    };
    const { repeatPenalty, frequencyPenalty, presencePenalty } = options;
    if (repeatPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0) {
      add(llama.llama_sampler_init_penalties(vocabulary, options.penaltyLastN, repeatPenalty, frequencyPenalty, presencePenalty));
    }
    if (options.temperature === 0) {
      add(llama.llama_sampler_init_greedy());
    } else {
      if (options.topK > 0) add(llama.llama_sampler_init_top_k(options.topK));
      if (options.topP < 1) add(llama.llama_sampler_init_top_p(options.topP, 1));
      if (options.minP > 0) add(llama.llama_sampler_init_min_p(options.minP, 1));
      add(llama.llama_sampler_init_temp(options.temperature));
      add(llama.llama_sampler_init_dist(options.seed));
    }
    this.#native = native;
    this.#chain = chain;
    this.#candidates = new NativeMemory(TOKEN_DATA_BYTES * vocabulary);
    this.#array = new NativeMemory(ARRAY_BYTES);
    this.#ids = new Int32Array(this.#candidates.buffer);
    this.#values = new Float32Array(this.#candidates.buffer);
    this.#view = new DataView(this.#array.buffer);
  }

  sample(logits: Float32Array): number {
    for (let token = 0, word = 0; token < this.vocabulary; token++, word += 3) {
      this.#ids[word] = token;
      this.#values[word + 1] = logits[token] ?? -Infinity;
      this.#values[word + 2] = 0;
    }
    writePointer(this.#array.pointer, 0, this.#candidates.pointer);
    this.#view.setBigUint64(SIZE_OFFSET, BigInt(this.vocabulary), true);
    this.#view.setBigInt64(SELECTED_OFFSET, -1n, true);
    this.#view.setUint8(SORTED_OFFSET, 0);
    this.#native.llama.llama_sampler_apply(this.#chain, this.#array.pointer);
    // Samplers may move the candidates and say where by changing the pointer.
    const data = readPointer(this.#array.pointer, 0);
    const selected = this.#view.getBigInt64(SELECTED_OFFSET, true);
    const size = this.#view.getBigUint64(SIZE_OFFSET, true);
    if (data === null || selected < 0n || selected >= size) throw new EdgeVlmError('NATIVE_FAILED', 'the samplers chose no token');
    const [id = 0] = new Int32Array(viewMemory((data + selected * BigInt(TOKEN_DATA_BYTES)) as Pointer, 4));
    return id;
  }

  accept(token: number): void {
    this.#native.llama.llama_sampler_accept(this.#chain, token);
  }

  [Symbol.dispose](): void {
    this.#native.llama.llama_sampler_free(this.#chain);
    this.#candidates[Symbol.dispose]();
    this.#array[Symbol.dispose]();
  }
}
