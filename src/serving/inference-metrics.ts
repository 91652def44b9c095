import type { DecodingStatistics } from '../core/decoding.js';
import type { ErrorCode } from '../core/errors.js';
import type { ServedResult } from './served-result.js';

/** What `GET /metrics` says of the answers since the server was started. Latencies are seconds. */
export interface InferenceFigures {
  readonly total_inferences: number;
  readonly failed_inferences: number;
  readonly cancelled_inferences: number;
  /** null before the first answer, as the next four. */
  readonly avg_latency: number | null;
  readonly avg_ttft: number | null;
  readonly avg_queue_wait: number | null;
  /** New tokens of all answers by their time, without waiting in the queue. */
  readonly avg_tokens_per_second: number | null;
  /** Share of new tokens that left the model early; 0 where nothing may leave early. */
  readonly early_exit_rate: number | null;
  /** Share of guessed tokens that were right, of those looked at; null where nothing was guessed. */
  readonly acceptance_rate: number | null;
  /** Guessed tokens, and how many of those were right. */
  readonly total_drafted_tokens: number;
  readonly total_accepted_tokens: number;
  /** Tokens that left the model early. */
  readonly total_early_exits: number;
  /** Share of the layers that early exit did without, gates, heads and keys and values counted; null where nothing may leave early. */
  readonly layers_saved: number | null;
  /** Answers whose prompt began as an earlier one, so that not all of it was computed. */
  readonly prefix_cache_hits: number;
  /** Tiles of pictures that were not encoded again. */
  readonly image_cache_hits: number;
  /** Answers about earlier pictures that were given again; their tokens are not counted. */
  readonly reused_answers: number;
  /** Bytes of keys and values after the newest answer, those kept for later prompts too, and how many its model has; null before. */
  readonly cache_bytes_used: number | null;
  readonly cache_bytes_allocated: number | null;
  readonly total_prompt_tokens: number;
  readonly total_cached_tokens: number;
  readonly total_tokens: number;
}

/** Told of every request's end. */
export interface InferenceObserver {
  answered(result: ServedResult): void;
  /** @param model null where it had none yet */
  failed(code: ErrorCode, model: string | null): void;
}

/** Sums over all answers: bounded, however long the server runs. */
export class InferenceMetrics implements InferenceObserver {
  #answers = 0;
  #failures = 0;
  #cancelled = 0;
  readonly #sum = { latency_s: 0, busy_s: 0, ttft_s: 0, queue_s: 0, prompt: 0, cached: 0, tokens: 0 };
  readonly #decoding = { early: 0, left: 0, drafted: 0, judged: 0, accepted: 0, layers: 0, allLayers: 0 };
  readonly #reuse = { prefixes: 0, tiles: 0, answers: 0 };
  #cache: { readonly used: number | null; readonly allocated: number | null } = { used: null, allocated: null };

  answered({ generated, serving, layers, model, reused }: ServedResult): void {
    this.#answers++;
    const sum = this.#sum;
    sum.latency_s += serving.total_ms / 1000;
    sum.ttft_s += serving.ttft_ms / 1000;
    sum.queue_s += serving.queue_ms / 1000;
    if (reused !== undefined) {
      this.#reuse.answers++;
      return;
    }
    sum.busy_s += (serving.total_ms - serving.queue_ms) / 1000;
    sum.prompt += generated.promptTokens ?? 0;
    sum.cached += generated.cachedTokens ?? 0;
    sum.tokens += generated.completionTokens;
    this.#reuse.prefixes += (generated.cachedTokens ?? 0) > 0 ? 1 : 0;
    this.#reuse.tiles += generated.cachedTiles ?? 0;
    if (generated.totalCacheBytes !== undefined) this.#cache = { used: generated.totalCacheBytes, allocated: model.cacheBytes };
    this.#count(generated.decoding, layers);
  }

  failed(code: ErrorCode): void {
    if (code === 'CANCELLED') this.#cancelled++;
    else this.#failures++;
  }

  figures(): InferenceFigures {
    const sum = this.#sum;
    const decoding = this.#decoding;
    const mean = (total: number): number | null => (this.#answers === 0 ? null : total / this.#answers);
    return {
      total_inferences: this.#answers,
      failed_inferences: this.#failures,
      cancelled_inferences: this.#cancelled,
      avg_latency: mean(sum.latency_s),
      avg_ttft: mean(sum.ttft_s),
      avg_queue_wait: mean(sum.queue_s),
      avg_tokens_per_second: sum.busy_s === 0 ? null : sum.tokens / sum.busy_s,
      early_exit_rate: sum.tokens === 0 ? null : decoding.early / Math.max(1, decoding.left, sum.tokens),
      acceptance_rate: decoding.judged === 0 ? null : decoding.accepted / decoding.judged,
      total_drafted_tokens: decoding.drafted,
      total_accepted_tokens: decoding.accepted,
      total_early_exits: decoding.early,
      layers_saved: decoding.allLayers === 0 ? null : 1 - decoding.layers / decoding.allLayers,
      prefix_cache_hits: this.#reuse.prefixes,
      image_cache_hits: this.#reuse.tiles,
      reused_answers: this.#reuse.answers,
      cache_bytes_used: this.#cache.used,
      cache_bytes_allocated: this.#cache.allocated,
      total_prompt_tokens: sum.prompt,
      total_cached_tokens: sum.cached,
      total_tokens: sum.tokens,
    };
  }

  #count(decoding: DecodingStatistics | undefined, all: number | null): void {
    if (decoding === undefined) return;
    const sum = this.#decoding;
    sum.drafted += decoding.drafted;
    sum.judged += decoding.judged;
    sum.accepted += decoding.accepted;
    sum.layers += decoding.layerEquivalents;
    sum.allLayers += decoding.fullLayerEquivalents;
    sum.left += Object.values(decoding.exits).reduce((total, tokens) => total + tokens, 0);
    sum.early += earlyExits(decoding, all);
  }
}

/** Tokens that did not see all layers. @param layers of the model; null where they are not known */
export function earlyExits({ exits }: DecodingStatistics, layers: number | null): number {
  return Object.entries(exits).reduce((sum, [after, tokens]) => (layers !== null && Number(after) < layers ? sum + tokens : sum), 0);
}
