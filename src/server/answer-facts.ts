import type { ServedResult } from '../serving/served-result.js';
import { decodingReport } from './decoding-report.js';
import { rounded } from './rounded.js';
import type { ServerOptions } from './server-options.js';
import type { AnswerFacts } from './schemas/answer-schema.js';

/** What the seed's routes tell of an answer beside its text. */
export function answerFacts(
  { generated, serving, model, reused }: ServedResult,
  requestId: string,
  { warnings }: Pick<ServerOptions, 'warnings'>,
): AnswerFacts {
  const { timings } = generated;
  return {
    latency: Number((serving.total_ms / 1000).toFixed(6)),
    tokens: generated.completionTokens,
    tokens_per_second: tokensPerSecond(generated.completionTokens, serving.total_ms - serving.queue_ms),
    prompt_tokens: generated.promptTokens,
    image_tokens: generated.imageTokens,
    cached_tokens: generated.cachedTokens,
    finish_reason: generated.finishReason === 'length' ? 'length' : 'stop',
    timings: rounded({
      ...serving,
      tokenise_ms: timings.tokenise_ms,
      encode_ms: timings.encode_ms,
      prefill_ms: timings.prefill_ms,
      decode_ms: timings.decode_ms,
      sample_ms: timings.sample_ms,
    }),
    lossy: [...(generated.lossy ?? [])],
    warnings: [...warnings, ...generated.warnings],
    decoding: decodingReport(generated.decoding),
    reused_distance: reused?.distance ?? null,
    model: model.name,
    precision: model.precision,
    request_id: requestId,
  };
}

/** 0 where no time passed. */
export function tokensPerSecond(tokens: number, duration_ms: number): number {
  return duration_ms > 0 ? Number(((tokens * 1000) / duration_ms).toFixed(3)) : 0;
}
