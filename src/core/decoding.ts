/** How an answer's tokens are found: the names used in options, reports and metrics (docs/OPTIMIZATIONS.md). */
export const DECODING_STRATEGIES = ['plain', 'speculative', 'ngram', 'self-speculative', 'early-exit'] as const;
export type DecodingStrategyName = (typeof DECODING_STRATEGIES)[number];

/**
 * What becomes of guessed tokens. `match`: the model chooses as it would have anyway, and a guess is kept while it is that choice, so
 * an answer is the one of plain decoding at the same seed. `rejection`: Leviathan et al. 2023, the same distribution, other choices.
 */
export const VERIFICATIONS = ['match', 'rejection'] as const;
export type Verification = (typeof VERIFICATIONS)[number];

/**
 * What is confident enough to leave early: the likeliest token's probability, its lead over the next, or the cosine between the
 * hidden states before and after a layer, which needs no head (Schuster et al. 2022, "Confident Adaptive Language Modeling").
 */
export const EXIT_GATES = ['softmax_max', 'softmax_diff', 'state'] as const;
export type ExitGate = (typeof EXIT_GATES)[number];

/** How to decode. Each strategy reads its own fields. */
export interface DecodingOptions {
  /** Default `plain`. */
  readonly strategy?: DecodingStrategyName;
  /** Tokens guessed ahead, at most, 1 to 64. Default 4. */
  readonly draftTokens?: number;
  /**
   * Whether to guess fewer tokens, or none, where measured costs and acceptance say that this is faster. Default true. Under
   * `rejection` an answer then depends on the machine's speed.
   */
  readonly adaptive?: boolean;
  /** Default `match`. Greedy answers are the same under both. */
  readonly verification?: Verification;
  /** `ngram`: fewest and most tokens at the end of the text that must have come before. Default 2 and 4. */
  readonly ngramMin?: number;
  readonly ngramMax?: number;
  /** `self-speculative`: how many layers guess. Default a quarter of the model's. */
  readonly draftLayers?: number;
  /**
   * `early-exit`: after how many layers a token may leave, rising; those that the model lacks are passed over. Default a third, a half,
   * two thirds and five sixths of the layers: 8, 12, 16 and 20 of 24.
   */
  readonly exitLayers?: readonly number[];
  /** `early-exit`: a token leaves where the gate is above this, 0 to 1; one for each of `exitLayers`, or one for all. Default 0.9. */
  readonly exitThreshold?: number | readonly number[];
  /** `early-exit`: default `softmax_max`. */
  readonly exitGate?: ExitGate;
  /**
   * `early-exit`: lowers the threshold λ along the answer, to λ·(0.9 + 0.1·e^(−decay·i/n)) at token i of n; 4 is the paper's. Default
   * 0, which keeps it.
   */
  readonly exitDecay?: number;
}

/** What guessing costs on a device, milliseconds, by the number of guesses from 0 on. */
export interface SpeculationCosts {
  /** Guessing so many tokens. */
  readonly draft_ms: readonly number[];
  /** One pass of the target over the last token and so many guesses: T(n + 1). */
  readonly verify_ms: readonly number[];
}

/** What a strategy did during one answer. */
export interface DecodingStatistics {
  readonly strategy: DecodingStrategyName;
  /** Passes of the whole model after the prompt. */
  readonly passes: number;
  /** Tokens guessed. */
  readonly drafted: number;
  /** Guesses that were looked at, because all before them were right, and how many of those were: acceptance is accepted / judged. */
  readonly judged: number;
  readonly accepted: number;
  /** `early-exit`: how many tokens left after so many layers; those that did not leave early are under the number of layers. */
  readonly exits: Readonly<Record<number, number>>;
  /**
   * `early-exit`: what was computed, and what would have been without exits, both in layers' worth of weights read: gates, heads and
   * the keys and values that were left behind are counted. 0 for other strategies.
   */
  readonly layerEquivalents: number;
  readonly fullLayerEquivalents: number;
  /**
   * What guessing was found to cost so far, numbers of guesses that were not tried read off their neighbours; null before any was measured,
   * and where nothing is guessed.
   */
  readonly costs: SpeculationCosts | null;
}
