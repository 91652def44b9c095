import type { GenerateResult, ModelDescription, TokenEvent } from '../core/generator.js';

/** Wall time of one request as its client sees it, milliseconds. */
export interface ServingTimings {
  /** From the request to a place among those that run. */
  readonly queue_ms: number;
  /** Fetching pictures; 0, since nothing is fetched. */
  readonly fetch_ms: number;
  /** Decoding pictures, all of them. */
  readonly image_decode_ms: number;
  /** Cutting pictures to the model's size, all of them. */
  readonly preprocess_ms: number;
  /** From the request to the first token; 0 when there was none. */
  readonly ttft_ms: number;
  /** From the request to the end. */
  readonly total_ms: number;
}

export interface ServedResult {
  readonly generated: GenerateResult;
  readonly serving: ServingTimings;
  /** Which model it was. */
  readonly model: ModelDescription;
}

export type ServedEvent = TokenEvent | { readonly type: 'done'; readonly result: ServedResult };
