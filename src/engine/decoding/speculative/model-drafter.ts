import { EdgeVlmError } from '../../../core/errors.js';
import { argmax } from '../../sampling/greedy-sampler.js';
import type { DecodingTarget, DecodingTask } from '../decoding-strategy.js';
import { NO_DRAFT, type Draft, type Drafter } from '../drafter.js';
import { draw } from '../rejection-sample.js';

/** Tokens at most that a guess usually begins with: the answer's last, and the last guess where all were right. */
const READ_WITH_GUESS = 2;

/** Guesses what a smaller model would say: its likeliest tokens, or draws from it where guesses are verified by rejection. */
export class ModelDrafter implements Drafter {
  /** null where it cannot read the prompt; undefined while it was not asked. */
  #draft: DecodingTarget | null | undefined;
  /** Tokens that the draft read before the answer, and those of the answer, right or guessed. */
  #promptLength = 0;
  readonly #read: number[] = [];

  constructor(private readonly task: Pick<DecodingTask, 'draft' | 'rejection' | 'isEnd' | 'prompt' | 'promptLogits'>) {}

  /** The last token is read with every guess, and one more where all guesses were right. */
  unread(answer: readonly number[]): number {
    const unread = answer.length - this.#read.length;
    return this.#draft === undefined ? this.task.prompt.length + unread : unread > READ_WITH_GUESS ? unread : 0;
  }

  async propose(answer: readonly number[], count: number): Promise<Draft> {
    const unreadTokens = this.unread(answer);
    const start = performance.now();
    const draft = await this.#open();
    if (draft === null) return NO_DRAFT;
    // The last token is read again if need be: what comes after it is asked for.
    let common = 0;
    while (common < Math.min(answer.length - 1, this.#read.length) && answer[common] === this.#read[common]) common++;
    draft.truncate(this.#promptLength + common);
    this.#read.length = common;

    const tokens: number[] = [];
    const probabilities: Float32Array[] = [];
    let unread: readonly number[] = answer.slice(common);
    let read: Draft['read'];
    while (tokens.length < count) {
      const logits = await this.#decode(draft, unread);
      if (unreadTokens > 0) read ??= { tokens: unreadTokens, ms: performance.now() - start };
      if (logits === null) break;
      const token = this.#choose(logits, probabilities);
      if (this.task.isEnd(token)) break;
      tokens.push(token);
      unread = [token];
    }
    const drawnFrom = this.task.rejection === null ? null : probabilities.slice(0, tokens.length);
    return { tokens, probabilities: drawnFrom, ...(read && { read }) };
  }

  /** The draft's prompt is read when the first guess is wanted: an answer of one token needs none. */
  async #open(): Promise<DecodingTarget | null> {
    if (this.#draft === undefined) {
      this.#draft = (await this.task.draft?.()) ?? null;
      this.#promptLength = this.#draft?.length() ?? 0;
    }
    return this.#draft;
  }

  /** Logits after the tokens, as many as the target's; null where the draft has no room for them, or does not know them. */
  async #decode(draft: DecodingTarget, tokens: readonly number[]): Promise<Float32Array | null> {
    try {
      const logits = await draft.decode(Int32Array.from(tokens), 'last');
      this.#read.push(...tokens);
      return logits.subarray(0, this.task.promptLogits.length);
    } catch (thrown) {
      if (thrown instanceof EdgeVlmError && (thrown.code === 'CONTEXT_FULL' || thrown.code === 'BATCH_INVALID')) return null;
      throw thrown;
    }
  }

  #choose(logits: Float32Array, probabilities: Float32Array[]): number {
    const { rejection } = this.task;
    if (rejection === null) return argmax(logits);
    const drawnFrom = rejection.drafts.probabilities(logits);
    probabilities.push(drawnFrom);
    return draw(drawnFrom, rejection.random);
  }
}
