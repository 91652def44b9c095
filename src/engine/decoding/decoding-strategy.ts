import type { Sampler } from '../sampling/sampler.js';
import type { DecodingCounters } from './decoding-counters.js';
import type { DraftController } from './draft-controller.js';
import type { LayeredTarget } from './layered-target.js';

/** One sequence's view of a model, as a decoding strategy sees it. */
export interface DecodingTarget {
  /** Tokens in the sequence. */
  length(): number;
  /**
   * Appends tokens and returns their logits, [vocabulary] for `last`, [tokens · vocabulary] for `all`.
   * @throws CONTEXT_FULL, CANCELLED
   */
  decode(tokens: Int32Array, logits: 'last' | 'all'): Promise<Float32Array>;
  /** Forgets the tokens from `length` on. */
  truncate(length: number): void;
}

/** What rejection sampling needs beside the sampler. */
export interface RejectionSampling {
  /** Draws from [0, 1). */
  readonly random: () => number;
  /** What guesses are drawn with. */
  readonly drafts: Required<Pick<Sampler, 'probabilities'>>;
}

export interface DecodingTask {
  readonly target: DecodingTarget;
  /** The prompt's tokens; negative where image tokens stand. */
  readonly prompt: Int32Array;
  /** Logits of the prompt's last token, [vocabulary]. */
  readonly promptLogits: Float32Array;
  readonly sampler: Sampler;
  readonly maxTokens: number;
  /** Whether the model ends its answer with this token; it is not part of the answer. */
  readonly isEnd: (token: number) => boolean;
  /** Has the draft model read the prompt, or finds that it cannot; for `speculative`. */
  readonly draft: (() => Promise<DecodingTarget | null>) | null;
  /** The target layer by layer; for `self-speculative` and `early-exit`. */
  readonly layers: LayeredTarget | null;
  /** null: guesses are verified by sampling and matching. */
  readonly rejection: RejectionSampling | null;
  /** How many tokens to guess; kept from answer to answer. */
  readonly controller: DraftController;
  /** How many graphs were built for steps so far: a pass that had to wait for one says nothing about the next. */
  readonly graphsBuilt?: () => number;
  readonly counters: DecodingCounters;
}

/** How an answer's tokens are found, one folder per strategy. Yields tokens as they are certain. */
export interface DecodingStrategy {
  /** What may differ from the answer of plain decoding, in words; null for a strategy that is exact. */
  readonly lossy: string | null;
  /** Settings that cannot be obeyed with this model, in words. */
  readonly warnings: readonly string[];
  /** Returns why it stopped. */
  run(task: DecodingTask): AsyncGenerator<number, 'stop' | 'length'>;
}
