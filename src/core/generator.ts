import type { ImagePreprocessing, PreparedImage } from './image.js';

/** How the next token is chosen. Absent fields take the default; `temperature` 0 is greedy and ignores the rest. */
export interface SamplingOptions {
  /** Default 0 (greedy). */
  readonly temperature?: number;
  /** Keep the k likeliest tokens; 0 keeps all. Default 40. */
  readonly topK?: number;
  /** Keep the smallest set with this total probability, 0..1. Default 0.95. */
  readonly topP?: number;
  /** Drop tokens below this share of the likeliest one's probability, 0..1. Default 0.05. */
  readonly minP?: number;
  /** Divide the logits of recent tokens by this; 1 is off (default). */
  readonly repeatPenalty?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** How many recent tokens the penalties see. Default 64. */
  readonly penaltyLastN?: number;
  /** Unsigned 32 bits. Default 0: a run repeats unless another seed is asked for. */
  readonly seed?: number;
}

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

export interface ImagePart {
  readonly type: 'image';
  readonly image: PreparedImage;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: readonly (TextPart | ImagePart)[];
}

/** What an answer must look like: a GBNF grammar with the start symbol `root`, or a JSON Schema (docs/STRUCTURED_OUTPUT.md). */
export type Grammar = { readonly gbnf: string } | { readonly jsonSchema: unknown };

export interface GenerateRequest {
  /** A chat, put through the model's template; or `prompt`, taken as it is. */
  readonly input: { readonly messages: readonly ChatMessage[] } | { readonly prompt: string };
  /** New tokens at most. */
  readonly maxTokens: number;
  readonly sampling?: SamplingOptions;
  /** Generation ends before any of these strings appears in the text. */
  readonly stop?: readonly string[];
  /** The answer obeys it, unless `maxTokens` or `stop` cuts it off; it ends with `stop` where the grammar ends. */
  readonly grammar?: Grammar;
  /**
   * Whether what earlier prompts had in common with this one is taken from them. Default true; false for measuring a cold run.
   */
  readonly reuse?: boolean;
}

/** Wall time spent in each stage of one generation, milliseconds. A stage that did not run is 0. */
export interface StageTimings {
  /** Waiting for the engine to be free. */
  readonly queue_ms: number;
  /** Template and tokeniser. */
  readonly tokenise_ms: number;
  /** Vision tower and projector, all tiles. */
  readonly encode_ms: number;
  readonly prefill_ms: number;
  /** All decode steps after the first token. */
  readonly decode_ms: number;
  /** Sampling, in all steps. */
  readonly sample_ms: number;
  /** From the request to the first token. */
  readonly ttft_ms: number;
  readonly total_ms: number;
}

export type FinishReason = 'stop' | 'length' | 'cancelled';

export interface GenerateResult {
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  /** How many of the prompt's tokens are picture embeddings. */
  readonly imageTokens: number;
  /** How many of the prompt's tokens were not computed, because an earlier prompt began alike. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly timings: StageTimings;
  /** Settings that were asked for and could not be obeyed, in words. */
  readonly warnings: readonly string[];
}

export type GenerateEvent =
  { readonly type: 'token'; readonly token: number; readonly text: string } | { readonly type: 'done'; readonly result: GenerateResult };

export interface ModelDescription {
  readonly name: string;
  readonly architecture: string;
  /** File type of the weights as the file names it, for example `Q4_0`. */
  readonly precision: string;
  readonly parameters: number;
  /** Tokens that one prompt and its answer may have. */
  readonly contextLength: number;
  readonly vocabularySize: number;
  /** How pictures must be prepared; null for a text model. */
  readonly vision: ImagePreprocessing | null;
  readonly weightBytes: number;
  readonly cacheBytes: number;
  readonly load_ms: number;
  /** Settings that were asked for and could not be obeyed, in words. */
  readonly warnings: readonly string[];
}

/** A model that answers in text. Implemented by every runtime that generates. */
export interface Generator {
  readonly description: ModelDescription;
  /** Streams tokens, then one `done`. Aborting ends the stream with `done` and finish reason `cancelled`. */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  close(): Promise<void>;
}
