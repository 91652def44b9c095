/** How much GEAR keeps of a chunk of tokens. */
export interface GearOptions {
  /** Of a value. Default 4. */
  readonly bits?: 2 | 4;
  /** Of the low-rank part of what quantisation leaves; 0 keeps none. Default 2. */
  readonly rank?: number;
  /** Values of a group that are kept apart, as they are: 1 is 1.6%. Default 1. */
  readonly outliers?: 0 | 1;
}

export const GEAR_DEFAULTS: Required<GearOptions> = { bits: 4, rank: 2, outliers: 1 };

/** Values that share a scale and an offset; also the tokens of a chunk, and the newest tokens that stay as they are. */
export const GEAR_GROUP = 64;

/** A rank beyond this costs more than the values it corrects. */
export const GEAR_MAX_RANK = 16;
