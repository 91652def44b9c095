import { expect, it } from 'vitest';
import type { DecodingStatistics } from '../core/decoding.js';
import { InferenceMetrics } from './inference-metrics.js';
import type { ServedResult } from './served-result.js';

const model: ServedResult['model'] = {
  ...{ name: 'm', architecture: 'llama', precision: 'F16', parameters: 1, contextLength: 1, vocabularySize: 1 },
  ...{ vision: null, weightBytes: 1, cacheBytes: 1, load_ms: 1, warnings: [] },
};
const stages = {
  queue_ms: 0,
  tokenise_ms: 0,
  prepare_ms: 0,
  encode_ms: 0,
  prefill_ms: 0,
  decode_ms: 0,
  sample_ms: 0,
  ttft_ms: 0,
  total_ms: 0,
};

function served(tokens: number, total_ms: number, queue_ms: number, decoding?: DecodingStatistics): ServedResult {
  const counts = { promptTokens: 100, imageTokens: 64, cachedTokens: 40, completionTokens: tokens };
  const generated = { text: '', finishReason: 'stop' as const, ...counts, timings: stages, warnings: [], ...(decoding && { decoding }) };
  return {
    generated,
    serving: { queue_ms, fetch_ms: 0, image_decode_ms: 0, preprocess_ms: 0, ttft_ms: 500, total_ms },
    model,
    name: 'm',
    layers: 24,
  };
}

it('nothing is known before the first answer', () => {
  expect(new InferenceMetrics().figures()).toMatchObject({
    total_inferences: 0,
    avg_latency: null,
    avg_tokens_per_second: null,
    early_exit_rate: null,
  });
});

it('latencies are means in seconds; the queue does not slow the model', () => {
  const metrics = new InferenceMetrics();
  metrics.answered(served(10, 2000, 1000));
  metrics.answered(served(30, 4000, 1000));
  metrics.failed('CANCELLED');
  metrics.failed('ENGINE_CRASHED');
  expect(metrics.figures()).toEqual({
    ...{ total_inferences: 2, failed_inferences: 1, cancelled_inferences: 1 },
    ...{ avg_latency: 3, avg_ttft: 0.5, avg_queue_wait: 1, avg_tokens_per_second: 10, early_exit_rate: 0, acceptance_rate: null },
    ...{
      total_prompt_tokens: 200,
      total_cached_tokens: 80,
      total_tokens: 40,
      prefix_cache_hits: 2,
      image_cache_hits: 0,
      reused_answers: 0,
    },
    ...{ total_drafted_tokens: 0, total_accepted_tokens: 0, total_early_exits: 0, layers_saved: null },
    ...{ cache_bytes_used: null, cache_bytes_allocated: null },
  });
});

it('tokens that left before the last layer left early, and guesses are counted', () => {
  const metrics = new InferenceMetrics();
  const nothing = { passes: 1, drafted: 0, layerEquivalents: 0, fullLayerEquivalents: 0, costs: null };
  const layers = { layerEquivalents: 300, fullLayerEquivalents: 400 };
  metrics.answered(
    served(20, 1000, 0, { ...nothing, ...layers, strategy: 'early-exit', judged: 0, accepted: 0, exits: { 8: 3, 12: 4, 24: 13 } }),
  );
  metrics.answered(served(8, 1000, 0, { ...nothing, strategy: 'speculative', drafted: 12, judged: 10, accepted: 6, exits: {} }));
  expect(metrics.figures()).toMatchObject({
    ...{ early_exit_rate: 7 / 28, total_early_exits: 7, layers_saved: 0.25 },
    ...{ acceptance_rate: 0.6, total_drafted_tokens: 12, total_accepted_tokens: 6 },
  });
});

it('what the caches hold is that of the newest answer, and what was given again is no work of the model', () => {
  const metrics = new InferenceMetrics();
  const first = served(10, 1000, 0);
  metrics.answered({ ...first, generated: { ...first.generated, cachedTiles: 3, totalCacheBytes: 700 } });
  metrics.answered({ ...first, reused: { distance: 2 } });
  expect(metrics.figures()).toMatchObject({
    ...{ total_inferences: 2, total_tokens: 10, avg_tokens_per_second: 10, reused_answers: 1 },
    ...{ prefix_cache_hits: 1, image_cache_hits: 3, cache_bytes_used: 700, cache_bytes_allocated: 1 },
  });
});
