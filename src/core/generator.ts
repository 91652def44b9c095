import type { DecodingOptions, DecodingStatistics } from './decoding.js';
import type { ImagePreprocessing, PreparedImage, PromptImage } from './image.js';

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

/** A picture that was prepared for one model already. Only the engine takes it: no other runtime is told how tiles are cut. */
export interface ImagePart {
  readonly type: 'image';
  readonly image: PreparedImage;
}

/** An `ImagePart` that was asked about before: its pixels are made again only where the engine has forgotten what it saw in them. */
export interface SeenImagePart {
  readonly type: 'seen-image';
  /** Its tiles are null. */
  readonly image: PromptImage;
  readonly pixels: () => Promise<PreparedImage>;
}

/** A picture as a file holds it. Every runtime that sees pictures takes it; preparing it counts as `prepare_ms`. */
export interface PicturePart {
  readonly type: 'picture';
  /** PNG, JPEG or WebP, from anyone. */
  readonly bytes: Uint8Array;
}

export type ContentPart = TextPart | ImagePart | SeenImagePart | PicturePart;

export interface ChatMessage<Part = ContentPart> {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: readonly Part[];
}

/** What an answer must look like: a GBNF grammar with the start symbol `root`, or a JSON Schema (docs/STRUCTURED_OUTPUT.md). */
export type Grammar = { readonly gbnf: string } | { readonly jsonSchema: unknown };

export interface GenerateRequest<Part = ContentPart> {
  /** A chat, put through the model's template; or `prompt`, taken as it is. */
  readonly input: { readonly messages: readonly ChatMessage<Part>[] } | { readonly prompt: string };
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
  /**
   * Whether an answer that fills its context goes on without its older half; lossy, and only our engine does it. Default: as the engine
   * was started, which is that it ends there.
   */
  readonly contextShift?: boolean;
  /** How its tokens are found, where the runtime has a choice: over what it was started with. */
  readonly decoding?: DecodingOptions;
  /** Whether to tell how narrowly each token was chosen; for measurement. */
  readonly choiceGaps?: boolean;
  /** Tells how likely every token was and so many of the likeliest at its place, 0 to `MAX_LOGPROBS`; absent: neither. */
  readonly logprobs?: number;
}

/** As OpenAI's `top_logprobs`. */
export const MAX_LOGPROBS = 20;

/** How likely the model found a token at its place. */
export interface TokenChance {
  /** null where the runtime tells only text. */
  readonly token: number | null;
  /** Its text; a part of a character's bytes where it ends in the middle of one. */
  readonly bytes: Uint8Array;
  /**
   * Natural logarithm of its probability as the model's logits have it, over the whole vocabulary: before temperature, penalties, what
   * cuts the distribution, and grammars. As llama-server tells it unless asked for `post_sampling_probs`.
   */
  readonly logprob: number;
}

/** A token of the answer. */
export interface TokenLogprobs extends TokenChance {
  /** The likeliest tokens at its place, likeliest first, as many as were asked for; it need not be among them. */
  readonly top: readonly TokenChance[];
}

/**
 * Wall time spent in each stage of one generation, milliseconds. A stage that did not run is 0; one that the runtime cannot tell from
 * the others is null.
 */
export interface StageTimings {
  /** Waiting for the runtime to be free. */
  readonly queue_ms: number | null;
  /** Template and tokeniser. */
  readonly tokenise_ms: number | null;
  /** Decoding pictures and cutting them to the model's size. */
  readonly prepare_ms: number | null;
  /** Vision tower and projector, all tiles. */
  readonly encode_ms: number | null;
  readonly prefill_ms: number | null;
  /** All decode steps after the first token. */
  readonly decode_ms: number | null;
  /** Sampling, in all steps. */
  readonly sample_ms: number | null;
  /** From the call of `generate` to the first token, on the caller's monotonic clock; 0 when there was none. */
  readonly ttft_ms: number;
  /** From the call of `generate` to the end. */
  readonly total_ms: number;
}

export type FinishReason = 'stop' | 'length' | 'cancelled';

export interface GenerateResult {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** null where the runtime does not tell; so are the next two. */
  readonly promptTokens: number | null;
  /** How many of the prompt's tokens are picture embeddings. */
  readonly imageTokens: number | null;
  /** How many of the prompt's tokens were not computed, because an earlier prompt began alike. */
  readonly cachedTokens: number | null;
  /** What the runtime counted; where it does not count, the pieces of text that it streamed. */
  readonly completionTokens: number;
  readonly timings: StageTimings;
  /** When each token, or piece of text, arrived: milliseconds from the call of `generate`. */
  readonly tokenTimes_ms?: readonly number[];
  /** What a remote server said of its own work, under its own names: `prompt_ms`, `predicted_ms`, … */
  readonly serverTimings?: Readonly<Record<string, number>>;
  /** Bytes of keys and values that the prompt and its answer took at the end, where the runtime tells. */
  readonly cacheBytes?: number;
  /** What the decoding strategy did, where the runtime has several. */
  readonly decoding?: DecodingStatistics;
  /**
   * Where asked for: how narrowly each token was chosen, the one that ended the answer too. Greedily: by how much the largest logit
   * exceeds the next; sampled: how far the drawn number lay from where another token's share of the probability begins. null where
   * it is not known: under penalties and settings that cut the distribution.
   */
  readonly choiceGaps?: readonly (number | null)[];
  /** Where asked for: of every token whose text is in the answer; not of the one that ended it. */
  readonly logprobs?: readonly TokenLogprobs[];
  /** How many tiles of the prompt's pictures were not encoded, because they were before; where the runtime tells. */
  readonly cachedTiles?: number;
  /** Bytes of keys and values that tokens of all prompts lay in when this answer ended, those kept for later ones too; where told. */
  readonly totalCacheBytes?: number;
  /** Optimisations in force that may change the answer, in words. */
  readonly lossy?: readonly string[];
  /** Settings that were asked for and could not be obeyed, in words. */
  readonly warnings: readonly string[];
}

/** `token` is null where the runtime tells only text; `text` may be empty, for a token that ends in the middle of a character. */
export interface TokenEvent {
  readonly type: 'token';
  readonly token: number | null;
  readonly text: string;
  /** Where asked for: of the tokens whose text is certain since this one; `result.logprobs` has those that come after the last. */
  readonly logprobs?: readonly TokenLogprobs[];
}

export type GenerateEvent<Result extends GenerateResult = GenerateResult> = TokenEvent | { readonly type: 'done'; readonly result: Result };

/** What holds for all answers of a loaded model, because it is decided when memory is laid out. */
export interface ModelPolicies {
  /** How keys and values are kept: `full`, `gear`, … */
  readonly cache: string;
  /** Image tokens left of every tile; null where all are. */
  readonly imageTokens: number | null;
}

/** What a runtime knows about the model it holds; null where it does not know. */
export interface ModelDescription {
  readonly name: string;
  /** `unknown` where the runtime does not tell. */
  readonly architecture: string;
  /** File type of the weights as the file names it, for example `Q4_0`; `unknown` where the runtime does not tell. */
  readonly precision: string;
  readonly parameters: number | null;
  /** Tokens that one prompt and its answer may have. */
  readonly contextLength: number | null;
  readonly vocabularySize: number | null;
  /** How pictures must be prepared for an `ImagePart`; null for a text model, and where the runtime prepares pictures itself. */
  readonly vision: ImagePreprocessing | null;
  readonly weightBytes: number | null;
  readonly cacheBytes: number | null;
  /** What computes, in its maker's words; absent: the processor, or a runtime that does not tell. */
  readonly device?: string;
  /** Absent where the runtime has no choice of them. */
  readonly policies?: ModelPolicies;
  readonly load_ms: number;
  /** Settings that were asked for and could not be obeyed, in words. */
  readonly warnings: readonly string[];
}

/** A model that answers in text. Implemented by every runtime that generates. */
export interface Generator<Result extends GenerateResult = GenerateResult> {
  readonly description: ModelDescription;
  /** Streams tokens, then one `done`. Aborting ends the stream with `done` and finish reason `cancelled`. */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent<Result>>;
  close(): Promise<void>;
}

type Known<T> = { readonly [Key in keyof T]: NonNullable<T[Key]> };

/** Of a runtime that sees all of its own work: nothing is null. */
export interface DetailedResult extends GenerateResult {
  readonly promptTokens: number;
  readonly imageTokens: number;
  readonly cachedTokens: number;
  readonly timings: Known<StageTimings>;
}

export type DetailedEvent = Known<TokenEvent> | Extract<GenerateEvent<DetailedResult>, { type: 'done' }>;

export interface DetailedDescription extends ModelDescription {
  readonly parameters: number;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly weightBytes: number;
  readonly cacheBytes: number;
}

/** A generator that can be asked where every millisecond went. */
export interface DetailedGenerator extends Generator<DetailedResult> {
  readonly description: DetailedDescription;
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<DetailedEvent>;
}
