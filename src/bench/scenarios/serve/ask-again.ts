import { EdgeVlmError } from '../../../core/errors.js';
import type { Generator } from '../../../core/generator.js';
import { measureAnswer, type MeasureAnswerOptions, type ServeAnswer } from './measure-answer.js';
import { pictureQuestion, QUESTIONS } from './picture-question.js';

/**
 * How a second question about a picture comes: right after the first; with the text before the picture, so that the prompts differ from
 * their beginning; and after other pictures have taken the slots.
 */
export const SECOND_QUESTIONS = ['warm', 'text_first', 'evicted'] as const;
export type SecondQuestion = (typeof SECOND_QUESTIONS)[number];

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
  readonly onAnswer?: () => void;
}

/** Asks two questions about each picture, one client alone. @throws CANCELLED once the signal has aborted */
export async function askAgain(generator: Generator, options: AskAgainOptions): Promise<AskedTwice[]> {
  const { kind, pictures, others, maxTokens, onAnswer } = options;
  const ask = async (picture: Uint8Array, question: string): Promise<ServeAnswer | EdgeVlmError> => {
    const request = pictureQuestion({ picture, question, maxTokens, textFirst: kind === 'text_first' });
    const outcome = await measureAnswer(generator, request, options);
    onAnswer?.();
    return outcome;
  };
  const asked: AskedTwice[] = [];
  if (kind === 'evicted') {
    const firsts: (ServeAnswer | EdgeVlmError)[] = [];
    for (const picture of pictures) firsts.push(await ask(picture, QUESTIONS[0]));
    for (const picture of others) await ask(picture, QUESTIONS[0]);
    for (const [index, picture] of pictures.entries()) {
      const first = firsts[index] ?? new EdgeVlmError('INTERNAL', 'a picture was not asked about');
      asked.push({ kind, index, first, second: await ask(picture, QUESTIONS[1]) });
    }
    return asked;
  }
  for (const [index, picture] of pictures.entries()) {
    const first = await ask(picture, QUESTIONS[0]);
    asked.push({ kind, index, first, second: await ask(picture, QUESTIONS[1]) });
  }
  return asked;
}
