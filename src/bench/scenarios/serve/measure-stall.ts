import { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateRequest, Generator } from '../../../core/generator.js';
import { measureAnswer, type MeasureAnswerOptions, type ServeAnswer } from './measure-answer.js';
import { pictureQuestion, QUESTIONS } from './picture-question.js';

export interface MeasureStallOptions extends MeasureAnswerOptions {
  /** They come one after the other while the stream runs. */
  readonly pictures: readonly Uint8Array[];
  /** New tokens of the stream: enough for as long as the pictures take. */
  readonly streamTokens: number;
}

const PROMPT = 'Tell a long story about a lighthouse, its keeper and a storm.';

/**
 * Lets one client read a long answer while another one asks about new pictures.
 * @returns milliseconds between texts of the stream that follow each other, from the first picture to the last answer about one; null
 * where the stream ended before the pictures did, so that nobody knows
 * @throws what the stream or a picture failed with; CANCELLED once the signal has aborted
 */
export async function measureStall(generator: Generator, options: MeasureStallOptions): Promise<number[] | null> {
  const { pictures, streamTokens, clock, signal } = options;
  const over = new AbortController();
  const arrivals_ms: number[] = [];
  let ended: Promise<ServeAnswer | EdgeVlmError> | undefined;
  await new Promise<void>((resolve) => {
    const onText = (): void => {
      arrivals_ms.push(clock.now_ms());
      resolve();
    };
    ended = measureAnswer(generator, streamRequest(streamTokens), { ...options, signal: AbortSignal.any([signal, over.signal]), onText })
      .catch((thrown: unknown) => EdgeVlmError.from(thrown))
      .finally(resolve);
  });
  const from = arrivals_ms.length - 1;
  const stream = { isOver: false, lasted: false };
  void ended?.then(() => (stream.isOver = true));
  try {
    for (const picture of pictures) {
      const outcome = await measureAnswer(generator, pictureQuestion({ picture, question: QUESTIONS[0], maxTokens: 1 }), options);
      if (outcome instanceof EdgeVlmError) throw outcome;
    }
    // A gap that has begun belongs to them, too.
    arrivals_ms.push(clock.now_ms());
    stream.lasted = !stream.isOver;
  } finally {
    over.abort();
  }
  const outcome = await ended;
  if (outcome instanceof EdgeVlmError && outcome.code !== 'CANCELLED') throw outcome;
  if (!stream.lasted || from < 0) return null;
  return arrivals_ms.slice(from + 1).map((time_ms, index) => time_ms - (arrivals_ms[from + index] ?? time_ms));
}

function streamRequest(maxTokens: number): GenerateRequest {
  return {
    input: { messages: [{ role: 'user', content: [{ type: 'text', text: PROMPT }] }] },
    maxTokens,
    sampling: { temperature: 0 },
  };
}
