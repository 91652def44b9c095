import type { GenerateResult, ModelDescription, TokenEvent } from '../core/generator.js';

/** Wall time of one request as its client sees it, milliseconds. */
export interface ServingTimings {
  /** From the request to a place among those that run. */
  readonly queue_ms: number;
  /** Fetching pictures from other servers, before the queue; 0 when there were none. */
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
  /** Which model it was, */
  readonly model: ModelDescription;
  /** what requests call it, */
  readonly name: string;
  /** and how many layers it has; null where nobody knows. */
  readonly layers: number | null;
  /** The answer is one about another picture, so far away; absent where it is the model's own. */
  readonly reused?: { readonly distance: number };
}

export type ServedEvent = TokenEvent | { readonly type: 'done'; readonly result: ServedResult };
