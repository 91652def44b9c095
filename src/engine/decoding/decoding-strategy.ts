import type { Sampler } from '../sampling/sampler.js';

/** One sequence's view of the engine, as a decoding strategy sees it. */
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

export interface DecodingTask {
  readonly target: DecodingTarget;
  /** Logits of the prompt's last token, [vocabulary]. */
  readonly promptLogits: Float32Array;
  readonly sampler: Sampler;
  readonly maxTokens: number;
  /** Whether the model ends its answer with this token; it is not part of the answer. */
  readonly isEnd: (token: number) => boolean;
}

/** How an answer's tokens are found, one folder per strategy. Yields tokens as they are certain. */
export interface DecodingStrategy {
  /** Returns why it stopped. */
  run(task: DecodingTask): AsyncGenerator<number, 'stop' | 'length'>;
}
