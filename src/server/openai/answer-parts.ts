import { randomUUID } from 'node:crypto';
import type { GenerateResult } from '../../core/generator.js';
import type { ServedResult } from '../../serving/served-result.js';
import { tokensPerSecond } from '../answer-facts.js';
import { rounded } from '../rounded.js';
import type { ServerOptions } from '../server-options.js';

/** What every chunk of an answer begins with. */
export interface AnswerHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

export function answerHead(
  prefix: 'chatcmpl' | 'cmpl',
  { modelNames, version }: Pick<ServerOptions, 'modelNames' | 'version'>,
): AnswerHead {
  return {
    id: `${prefix}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: modelNames[0],
    system_fingerprint: `edgevlm-${version}`,
  };
}

export function finishReason({ finishReason: reason }: GenerateResult): 'stop' | 'length' {
  return reason === 'length' ? 'length' : 'stop';
}

/** What was computed and how long it took; counts that the runtime does not tell are 0, as OpenAI's clients expect numbers. */
export function answerTail({ generated, serving }: ServedResult): {
  usage: {
    prompt_tokens: number;
    completion_tokens: number;
    total_tokens: number;
    prompt_tokens_details: { cached_tokens: number; image_tokens: number };
  };
  timings: Record<string, number | null>;
  lossy: string[];
  warnings: string[];
} {
  const { completionTokens: completion_tokens, cachedTokens, imageTokens, timings, decoding, lossy = [], warnings } = generated;
  const prompt_tokens = generated.promptTokens ?? 0;
  const cached_tokens = cachedTokens ?? 0;
  // llama-server counts encoding pictures as work on the prompt.
  const prompt_ms = (timings.encode_ms ?? 0) + (timings.prefill_ms ?? Math.max(0, serving.ttft_ms - serving.queue_ms));
  const predicted_ms = timings.decode_ms ?? Math.max(0, serving.total_ms - serving.ttft_ms);
  const prompt_n = prompt_tokens - cached_tokens;
  return {
    usage: {
      prompt_tokens,
      completion_tokens,
      total_tokens: prompt_tokens + completion_tokens,
      prompt_tokens_details: { cached_tokens, image_tokens: imageTokens ?? 0 },
    },
    timings: rounded({
      cache_n: cached_tokens,
      prompt_n,
      prompt_ms,
      prompt_per_token_ms: prompt_n > 0 ? prompt_ms / prompt_n : 0,
      prompt_per_second: tokensPerSecond(prompt_n, prompt_ms),
      predicted_n: completion_tokens,
      predicted_ms,
      predicted_per_token_ms: completion_tokens > 0 ? predicted_ms / completion_tokens : 0,
      predicted_per_second: tokensPerSecond(completion_tokens, predicted_ms),
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
    warnings: [...warnings],
  };
}
