import { setTimeout as sleep } from 'node:timers/promises';
import type { EdgeVlmError } from '../../../core/errors.js';
import { measureAnswer, type MeasureAnswerOptions, type ServeAnswer } from './measure-answer.js';
import { pictureQuestion, QUESTIONS } from './picture-question.js';
import type { ServeSide, ServeTarget } from './serve-target.js';

/**
 * How a second question about a picture comes: right after the first; with the text before the picture, so that the prompts differ from
 * their beginning; and after other pictures have taken the slots.
 */
export const SECOND_QUESTIONS = ['warm', 'text_first', 'evicted'] as const;
export type SecondQuestion = (typeof SECOND_QUESTIONS)[number];

/** Threads of the server that answered before spin on for a tenth of a second (ggml's `--poll 50`). */
const SETTLE_MS = 300;

/** The first and the second question about one picture. */
export interface AskedTwice {
  readonly kind: SecondQuestion;
  /** Place of the picture among those of its kind. */
  readonly index: number;
  readonly first: ServeAnswer | EdgeVlmError;
  readonly second: ServeAnswer | EdgeVlmError;
}

export interface AskAgainOptions extends MeasureAnswerOptions {
  readonly kind: SecondQuestion;
  readonly pictures: readonly Uint8Array[];
  /** Pictures that take the slots, between the first questions and the second ones of `evicted`. */
  readonly others: readonly Uint8Array[];
  readonly maxTokens: number;
  /** Pause before a server's turn, where there are several. Default 300. */
  readonly settle_ms?: number;
  readonly onAnswer?: () => void;
}

/**
 * Asks all servers two questions about each picture, one client alone, in turns: what slows the machine for a while slows them alike.
 * @throws CANCELLED once the signal has aborted
 */
export async function askAgain(
  targets: readonly ServeTarget[],
  options: AskAgainOptions,
): Promise<(AskedTwice & { readonly side: ServeSide })[]> {
  const { kind, pictures, others, maxTokens, settle_ms = SETTLE_MS, onAnswer } = options;
  const ask = async (index: number, picture: Uint8Array, question: string): Promise<ReadonlyMap<ServeSide, ServeAnswer | EdgeVlmError>> => {
    const request = pictureQuestion({ picture, question, maxTokens, textFirst: kind === 'text_first' });
    const outcomes = new Map<ServeSide, ServeAnswer | EdgeVlmError>();
    for (const { side, generator } of index % 2 === 0 ? targets : targets.toReversed()) {
      if (targets.length > 1) await sleep(settle_ms, undefined, { signal: options.signal }).catch(() => undefined);
      outcomes.set(side, await measureAnswer(generator, request, options));
      onAnswer?.();
    }
    return outcomes;
  };
  const early: Awaited<ReturnType<typeof ask>>[] = [];
  if (kind === 'evicted') {
    for (const [index, picture] of pictures.entries()) early.push(await ask(index, picture, QUESTIONS[0]));
    for (const [index, picture] of others.entries()) await ask(index, picture, QUESTIONS[0]);
  }
  const asked: (AskedTwice & { readonly side: ServeSide })[] = [];
  for (const [index, picture] of pictures.entries()) {
    const firsts = early[index] ?? (await ask(index, picture, QUESTIONS[0]));
    const seconds = await ask(index, picture, QUESTIONS[1]);
    for (const { side } of targets) {
      const [first, second] = [firsts.get(side), seconds.get(side)];
      if (first !== undefined && second !== undefined) asked.push({ side, kind, index, first, second });
    }
  }
  return asked;
}
