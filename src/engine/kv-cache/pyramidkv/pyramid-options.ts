/** Whose attention decides what of a prompt is kept: its last tokens', or all text behind its last picture (as VL-Cache does). */
export const PYRAMID_QUERIES = ['window', 'text'] as const;
export type PyramidQueries = (typeof PYRAMID_QUERIES)[number];

/** How much PyramidKV keeps of a prompt. */
export interface PyramidOptions {
  /** Tokens kept of a prompt, on average over the layers: up to 1 a share of it, at least 64; above 1 a number. Default 0.4. */
  readonly budget?: number;
  /**
   * Last tokens of a prompt that are always kept, and whose attention decides about the others. Default 16: with the 8 of the authors'
   * runs a chat template's last words decide nearly alone, and more of a picture is lost that is about to be described.
   */
  readonly window?: number;
  /**
   * How budgets fall from layer to layer: the last layer keeps this part of the mean, besides the window. Default 20, as the authors
   * chose; 1 gives every layer the same, as SnapKV does.
   */
  readonly beta?: number;
  /** Default `window`. */
  readonly queries?: PyramidQueries;
}

export const PYRAMID_DEFAULTS: Required<PyramidOptions> = { budget: 0.4, window: 16, beta: 20, queries: 'window' };

/** A share of a short prompt would leave next to nothing of its picture, and save next to nothing: the authors' least budget. */
export const PYRAMID_LEAST_SHARE = 64;

/** The longest window. */
export const PYRAMID_MAX_WINDOW = 64;

/** From here on the last layer keeps nothing but the window. */
export const PYRAMID_MAX_BETA = 1_000_000;
