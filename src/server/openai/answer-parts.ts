import { randomUUID } from 'node:crypto';
import type { GenerateResult } from '../../core/generator.js';
import type { ServedResult } from '../../serving/served-result.js';
import { tokensPerSecond } from '../answer-facts.js';
import { decodingReport } from '../decoding-report.js';
import { rounded } from '../rounded.js';
import type { ServerOptions } from '../server-options.js';

/** What every chunk of an answer begins with. */
export interface AnswerHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

/** @param model what it is listed as */
export function answerHead(prefix: 'chatcmpl' | 'cmpl', model: string, version: string): AnswerHead {
  return {
    id: `${prefix}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: `edgevlm-${version}`,
  };
}

export function finishReason({ finishReason: reason }: GenerateResult): 'stop' | 'length' {
  return reason === 'length' ? 'length' : 'stop';
}

interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number; image_tokens: number };
}

interface AnswerNotes {
  timings: Record<string, number | null>;
  lossy: string[];
  warnings: string[];
  decoding: ReturnType<typeof decodingReport>;
}

/** What a whole answer ends with: what was computed and how. */
export function answerTail(result: ServedResult, options: Pick<ServerOptions, 'warnings'>): AnswerNotes & { usage: Usage } {
  return { usage: usageOf(result), ...answerNotes(result, options) };
}

/** The same without the counts, which streams tell only where they are asked to. */
export function answerNotes({ generated, serving }: ServedResult, { warnings: configured }: Pick<ServerOptions, 'warnings'>): AnswerNotes {
  const { completionTokens: predicted_n, timings, decoding, lossy = [], warnings } = generated;
  const cache_n = generated.cachedTokens ?? 0;
  // llama-server counts encoding pictures as work on the prompt.
  const prompt_ms = (timings.encode_ms ?? 0) + (timings.prefill_ms ?? Math.max(0, serving.ttft_ms - serving.queue_ms));
  const predicted_ms = timings.decode_ms ?? Math.max(0, serving.total_ms - serving.ttft_ms);
  const prompt_n = (generated.promptTokens ?? 0) - cache_n;
  return {
    timings: rounded({
      cache_n,
      prompt_n,
      prompt_ms,
      prompt_per_token_ms: prompt_n > 0 ? prompt_ms / prompt_n : 0,
      prompt_per_second: tokensPerSecond(prompt_n, prompt_ms),
      predicted_n,
      predicted_ms,
      predicted_per_token_ms: predicted_n > 0 ? predicted_ms / predicted_n : 0,
      predicted_per_second: tokensPerSecond(predicted_n, predicted_ms),
      ...(decoding !== undefined && decoding.drafted > 0 && { draft_n: decoding.drafted, draft_n_accepted: decoding.accepted }),
      queue_ms: serving.queue_ms,
      fetch_ms: serving.fetch_ms,
      image_decode_ms: serving.image_decode_ms,
      preprocess_ms: serving.preprocess_ms,
      encode_ms: timings.encode_ms,
      ttft_ms: serving.ttft_ms,
      total_ms: serving.total_ms,
    }),
    lossy: [...lossy],
    warnings: [...configured, ...warnings],
    decoding: decodingReport(decoding),
  };
}

/** Counts that the runtime does not tell are 0, as OpenAI's clients expect numbers. */
function usageOf({ generated }: ServedResult): Usage {
  const { completionTokens: completion_tokens, cachedTokens, imageTokens } = generated;
  const prompt_tokens = generated.promptTokens ?? 0;
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: cachedTokens ?? 0, image_tokens: imageTokens ?? 0 },
  };
}
