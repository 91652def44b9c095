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
  readonly total_prompt_tokens: number;
  readonly total_cached_tokens: number;
  readonly total_tokens: number;
}

/** Told of every request's end. */
export interface InferenceObserver {
  answered(result: ServedResult): void;
  failed(code: ErrorCode): void;
}

/** Sums over all answers: bounded, however long the server runs. */
export class InferenceMetrics implements InferenceObserver {
  #answers = 0;
  #failures = 0;
  #cancelled = 0;
  readonly #sum = { latency_s: 0, busy_s: 0, ttft_s: 0, queue_s: 0, prompt: 0, cached: 0, tokens: 0 };
  readonly #decoding = { early: 0, left: 0, judged: 0, accepted: 0 };

  /** @param layers of the model, which a token that left early did not all see; null where they are not known */
  constructor(private readonly layers: number | null) {}

  answered({ generated, serving }: ServedResult): void {
    this.#answers++;
    const sum = this.#sum;
    sum.latency_s += serving.total_ms / 1000;
    sum.busy_s += (serving.total_ms - serving.queue_ms) / 1000;
    sum.ttft_s += serving.ttft_ms / 1000;
    sum.queue_s += serving.queue_ms / 1000;
    sum.prompt += generated.promptTokens ?? 0;
    sum.cached += generated.cachedTokens ?? 0;
    sum.tokens += generated.completionTokens;
    this.#count(generated.decoding);
  }

  failed(code: ErrorCode): void {
    if (code === 'CANCELLED') this.#cancelled++;
    else this.#failures++;
  }

  figures(): InferenceFigures {
    const sum = this.#sum;
    const mean = (total: number): number | null => (this.#answers === 0 ? null : total / this.#answers);
    return {
      total_inferences: this.#answers,
      failed_inferences: this.#failures,
      cancelled_inferences: this.#cancelled,
      avg_latency: mean(sum.latency_s),
      avg_ttft: mean(sum.ttft_s),
      avg_queue_wait: mean(sum.queue_s),
      avg_tokens_per_second: sum.busy_s === 0 ? null : sum.tokens / sum.busy_s,
      early_exit_rate: sum.tokens === 0 ? null : this.#decoding.early / Math.max(1, this.#decoding.left, sum.tokens),
      acceptance_rate: this.#decoding.judged === 0 ? null : this.#decoding.accepted / this.#decoding.judged,
      total_prompt_tokens: sum.prompt,
      total_cached_tokens: sum.cached,
      total_tokens: sum.tokens,
    };
  }

  #count(decoding: DecodingStatistics | undefined): void {
    if (decoding === undefined) return;
    const sum = this.#decoding;
    sum.judged += decoding.judged;
    sum.accepted += decoding.accepted;
    for (const [layers, tokens] of Object.entries(decoding.exits)) {
      sum.left += tokens;
      if (this.layers !== null && Number(layers) < this.layers) sum.early += tokens;
    }
  }
}
