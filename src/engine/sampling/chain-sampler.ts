import { EdgeVlmError } from '../../core/errors.js';
import { loadNative, type Native } from '../ffi/native.js';
import type { Pointer } from '../ffi/pointer.js';
import { Candidates } from './candidates.js';
import type { ResolvedSampling } from './resolve-sampling.js';
import type { Sampler } from './sampler.js';

/** libllama's samplers in llama.cpp's order: penalties, top-k, top-p, min-p, temperature, draw (or the likeliest, at temperature 0). */
export class ChainSampler implements Sampler {
  readonly #native: Native;
  /** What shapes the distribution, and what draws from it. */
  readonly #shape: Pointer;
  readonly #draw: Pointer;
  readonly #candidates: Candidates;

  constructor(
    private readonly vocabulary: number,
    options: ResolvedSampling,
  ) {
    const native = loadNative();
    const { llama } = native;
    const chain = (): Pointer => llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params());
    const shape = chain();
    const add = (sampler: Pointer): void => {
      llama.llama_sampler_chain_add(shape, sampler);
    };
    const { repeatPenalty, frequencyPenalty, presencePenalty } = options;
    if (repeatPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0) {
      add(llama.llama_sampler_init_penalties(vocabulary, options.penaltyLastN, repeatPenalty, frequencyPenalty, presencePenalty));
    }
    const draw = chain();
    if (options.temperature === 0) {
      llama.llama_sampler_chain_add(draw, llama.llama_sampler_init_greedy());
    } else {
      if (options.topK > 0) add(llama.llama_sampler_init_top_k(options.topK));
      if (options.topP < 1) add(llama.llama_sampler_init_top_p(options.topP, 1));
      if (options.minP > 0) add(llama.llama_sampler_init_min_p(options.minP, 1));
      add(llama.llama_sampler_init_temp(options.temperature));
      llama.llama_sampler_chain_add(draw, llama.llama_sampler_init_dist(options.seed));
    }
    this.#native = native;
    this.#shape = shape;
    this.#draw = draw;
    this.#candidates = new Candidates(vocabulary);
  }

  sample(logits: Float32Array): number {
    this.#candidates.fill(logits);
    for (const chain of [this.#shape, this.#draw]) this.#native.llama.llama_sampler_apply(chain, this.#candidates.pointer);
    const token = this.#candidates.selected();
    if (token === undefined) throw new EdgeVlmError('NATIVE_FAILED', 'the samplers chose no token');
    return token;
  }

  probabilities(logits: Float32Array): Float32Array {
    this.#candidates.fill(logits);
    this.#native.llama.llama_sampler_apply(this.#shape, this.#candidates.pointer);
    return this.#candidates.probabilities(this.vocabulary);
  }

  accept(token: number): void {
    for (const chain of [this.#shape, this.#draw]) this.#native.llama.llama_sampler_accept(chain, token);
  }

  [Symbol.dispose](): void {
    for (const chain of [this.#shape, this.#draw]) this.#native.llama.llama_sampler_free(chain);
    this.#candidates[Symbol.dispose]();
  }
}
