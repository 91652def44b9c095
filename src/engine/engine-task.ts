import type { DecodingOptions, DecodingStatistics } from '../core/decoding.js';
import type { FinishReason, SamplingOptions } from '../core/generator.js';
import type { DecodingStrategy } from './decoding/decoding-strategy.js';
import type { PromptPiece } from './prompt.js';
import type { TokenChances } from './sampling/logprob-sampler.js';
import type { TokenConstraint } from './sampling/token-constraint.js';
import type { ComputeTimings } from './stage-clock.js';

export interface EngineTask {
  readonly prompt: readonly PromptPiece[];
  readonly maxTokens: number;
  readonly sampling?: SamplingOptions;
  /** Over those of the engine. */
  readonly decoding?: DecodingOptions;
  /** Runs in place of the strategy that `decoding` names, with the means of that one; for measurement. */
  readonly strategy?: DecodingStrategy;
  /** Whether to tell `choiceGaps`. */
  readonly choiceGaps?: boolean;
  /** As in `GenerateRequest`. */
  readonly logprobs?: number;
  /** What the answer must obey. */
  readonly constraint?: TokenConstraint;
  /** Whether to take from earlier prompts what this one has in common with them, and to leave it for later ones. Default true. */
  readonly reuse?: boolean;
  /**
   * What becomes of an answer that fills its context: false, and it ends there; true, and its older half is dropped and it goes on. Lossy
   * then. Default: as the engine was loaded.
   */
  readonly contextShift?: boolean;
  /** Whether the model ends its answer with this token. */
  readonly isEnd: (token: number) => boolean;
}

export interface EngineResult {
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly imageTokens: number;
  /** How many of the prompt's tokens were not computed, because an earlier prompt began alike. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly timings: ComputeTimings;
  /** Bytes of keys and values that the prompt and its answer took at the end; the draft's not among them. */
  readonly cacheBytes: number;
  readonly decoding: DecodingStatistics;
  /** As in `GenerateResult`. */
  readonly choiceGaps?: readonly (number | null)[];
  /** As in `GenerateResult`. */
  readonly cachedTiles: number;
  readonly totalCacheBytes: number;
  /** Optimisations in force that may change the answer, in words. */
  readonly lossy: readonly string[];
  /** Settings that were asked for and could not be obeyed, in words. */
  readonly warnings: readonly string[];
}

export type EngineEvent =
  | { readonly type: 'token'; readonly token: number; readonly chances?: TokenChances }
  | { readonly type: 'done'; readonly result: EngineResult };
