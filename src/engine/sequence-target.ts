import { EdgeVlmError } from '../core/errors.js';
import type { BatchScheduler } from './batch-scheduler.js';
import type { BatchEntry, DecoderRunner } from './decoder-runner.js';
import type { DecodingTarget } from './decoding/decoding-strategy.js';
import type { PrefixCache } from './reuse/prefix-cache.js';
import type { StageClock } from './stage-clock.js';

/** What one generation waits for, is timed by, and is stopped by. */
export interface GenerationContext {
  readonly scheduler: BatchScheduler;
  readonly clock: StageClock;
  readonly signal: AbortSignal | undefined;
}

/** A model that holds sequences. */
export interface SequenceModel {
  readonly runner: DecoderRunner;
  readonly prefixCache: PrefixCache;
  /** Whether it guesses for another: its tokens are not yet a stream's. */
  readonly drafts?: true;
  /** Tokens that one of its sequences may have, where others must not be crowded out; default: as many as there are cells. */
  readonly contextLength?: number;
}

/** One sequence of the target or of a draft. */
export class SequenceTarget implements DecodingTarget {
  constructor(
    private readonly model: SequenceModel,
    private readonly sequence: number,
    private readonly context: GenerationContext,
  ) {}

  length(): number {
    return this.model.runner.cache.length(this.sequence);
  }

  /** Appends what is left of the prompt. @returns the logits of its last token @throws CONTEXT_FULL, CANCELLED */
  prefill(prompt: Omit<BatchEntry, 'sequence' | 'logits'>): Promise<Float32Array> {
    return this.#append('prefill', { ...prompt, sequence: this.sequence, logits: 'last' });
  }

  async decode(tokens: Int32Array, logits: 'last' | 'all'): Promise<Float32Array> {
    const rows = await this.#append('decode', { sequence: this.sequence, tokens, logits });
    this.model.prefixCache.append(this.sequence, tokens);
    return rows;
  }

  truncate(length: number): void {
    this.model.prefixCache.truncate(this.sequence, length);
  }

  #append(stage: 'prefill' | 'decode', entry: BatchEntry): Promise<Float32Array> {
    const { scheduler, clock, signal } = this.context;
    const { contextLength = Infinity } = this.model;
    if (this.length() + entry.tokens.length > contextLength) {
      return Promise.reject(new EdgeVlmError('CONTEXT_FULL', `${entry.tokens.length} more tokens do not fit into ${contextLength}`));
    }
    const partial = this.model.drafts === true && stage === 'decode';
    return clock.measure(stage, (turn) => scheduler.append(this.model.runner, entry, { turn, signal, partial, sequence: this.sequence }));
  }
}
