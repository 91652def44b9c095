import { EdgeVlmError } from '../core/errors.js';
import type { LaidOutPrompt } from './prompt-layout.js';
import { promptEndOf } from './prompt-layout.js';
import type { PromptPictures } from './prompt-pictures.js';
import { SequenceTarget, type GenerationContext, type SequenceModel } from './sequence-target.js';

export interface ContextShiftOptions {
  /** Tokens that a sequence may have. */
  readonly contextLength: number;
  /** Tokens that a strategy may append before it has told one. */
  readonly ahead: number;
  readonly tokensPerTile: number;
}

/**
 * Lets an answer go on where its context is full: the older half of what comes after a protected start is dropped, and the rest is computed
 * again where it then stands. Stored keys are not turned: few policies could, and values of later layers would still know what was dropped.
 */
export class ContextShift {
  /** How often it was full. */
  count = 0;
  /** Tokens of the start that is never dropped: the prompt if it leaves half of the context, else what goes up to its last picture's end. */
  readonly keep: number;
  readonly #target: SequenceTarget;
  /** The sequence's tokens, and the newest of the answer, which it does not have yet. */
  #tokens: number[];

  constructor(
    private readonly model: SequenceModel,
    private readonly sequence: number,
    private readonly prompt: LaidOutPrompt,
    private readonly pictures: PromptPictures,
    private readonly context: GenerationContext,
    private readonly options: ContextShiftOptions,
  ) {
    const { contextLength, tokensPerTile } = options;
    const { tokens, images } = prompt;
    const last = images.at(-1);
    this.keep = tokens.length <= contextLength / 2 ? tokens.length : last === undefined ? 1 : last.at + tokensPerTile;
    this.#target = new SequenceTarget(model, sequence, context);
    this.#tokens = [...tokens];
  }

  /** What it did to the answer, in words; null where it did nothing. */
  get lossy(): string | null {
    const times = this.count === 1 ? 'once' : `${this.count} times`;
    return this.count === 0
      ? null
      : `the context was full ${times}: the older half of what followed its first ${this.keep} tokens was dropped`;
  }

  /** A token of the answer was told. Makes room for the next ones if need be. @throws CONTEXT_FULL, CANCELLED */
  async told(token: number): Promise<void> {
    this.#tokens.push(token);
    const { contextLength, ahead } = this.options;
    const length = this.#target.length();
    // Guesses that turned out right are in the sequence before they are told.
    if (length !== this.#tokens.length - 1 || length + ahead <= contextLength) return;
    const drop = Math.max(Math.ceil((length - this.keep) / 2), length + ahead - contextLength);
    if (this.keep + drop > length)
      throw new EdgeVlmError('CONTEXT_FULL', `${this.keep} protected tokens fill a context of ${contextLength}`);
    const kept = this.#tokens.slice(this.keep + drop, -1);
    await this.#begin();
    this.#tokens = [...this.#tokens.slice(0, this.keep), ...kept, token];
    if (kept.length > 0) await this.#append(kept);
    this.count++;
  }

  /** Brings the sequence back to its protected start. */
  async #begin(): Promise<void> {
    const { model, prompt, keep } = this;
    const { cache } = model.runner;
    if (cache.forgetsExactly === true) {
      this.#target.truncate(keep);
      return;
    }
    this.#target.truncate(0);
    const whole = keep === prompt.tokens.length;
    const tokens = prompt.tokens.subarray(0, keep);
    model.prefixCache.append(this.sequence, tokens);
    const embeddings = await this.pictures.embed(prompt, 0, this.context);
    await this.#target.prefill({ tokens, embeddings, promptEnd: whole ? promptEndOf(prompt, this.options.tokensPerTile) : undefined });
  }

  async #append(tokens: readonly number[]): Promise<void> {
    this.model.prefixCache.append(this.sequence, Int32Array.from(tokens));
    await this.#target.prefill({ tokens: Int32Array.from(tokens) });
  }
}
