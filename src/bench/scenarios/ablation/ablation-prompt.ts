import type { ChatMessage } from '../../../core/generator.js';
import type { ScoredAnswer } from '../../quality/answer-metrics.js';
import type { ScoredCaption } from '../../quality/caption-metrics.js';

/** Where a prompt is from: a picture, a conversation over many, or no picture at all. */
export const PROMPT_KINDS = ['scene', 'album', 'text'] as const;
export type PromptKind = (typeof PROMPT_KINDS)[number];

/** What is true, where it is known. */
export type PromptTruth =
  ({ readonly asks: 'caption' } & Omit<ScoredCaption, 'said'>) | ({ readonly asks: 'answer' } & Omit<ScoredAnswer, 'said'>) | null;

/** A conversation that ends with a question. */
export interface AblationPrompt {
  readonly kind: PromptKind;
  readonly messages: readonly ChatMessage[];
  /** New tokens at most. */
  readonly maxTokens: number;
  readonly truth: PromptTruth;
  /** One line that says what was asked and what is true, for the data set's hash. */
  readonly line: string;
}
