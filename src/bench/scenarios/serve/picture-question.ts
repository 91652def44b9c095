import type { GenerateRequest } from '../../../core/generator.js';

/** What is asked about pictures: the first question, and the second about the same picture. */
export const QUESTIONS = ['Describe this picture.', 'Which colours are in this picture?'] as const;

export interface PictureQuestion {
  readonly picture: Uint8Array;
  readonly question: string;
  readonly maxTokens: number;
  /** Default: the picture first, so that a second question has the first one's beginning. */
  readonly textFirst?: boolean;
}

/** A greedy request about one picture. */
export function pictureQuestion({ picture, question, maxTokens, textFirst = false }: PictureQuestion): GenerateRequest {
  const parts = [
    { type: 'picture', bytes: picture },
    { type: 'text', text: question },
  ] as const;
  return {
    input: { messages: [{ role: 'user', content: textFirst ? parts.toReversed() : parts }] },
    maxTokens,
    sampling: { temperature: 0 },
  };
}
