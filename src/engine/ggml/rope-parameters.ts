/** YaRN: high frequencies keep their angle, low ones are scaled (arXiv 2309.00071). */
interface YarnParameters {
  /** 0 turns YaRN off, 1 mixes as the paper does (`ext_factor`). */
  readonly mix: number;
  /** Factor on queries and keys; YaRN's own, 1 + 0.1·ln(1/scale), comes on top of it. */
  readonly attention: number;
  /** Context before it was extended, tokens. */
  readonly originalContext: number;
  /** Rotations within the original context above which a frequency is kept, and below which it is scaled in full. */
  readonly betaFast: number;
  readonly betaSlow: number;
}

/** Parameters of rotary position embedding, as `ggml_rope_ext` takes them. */
export interface RopeParameters {
  /** How many of each head's values are rotated. */
  readonly dimensions: number;
  readonly base: number;
  /** Factor on positions: 1 / 4 stretches the context four times. */
  readonly scale: number;
  /** Adjacent pairs are rotated together (LLaMA's order in GGUF files), or halves (NeoX). */
  readonly mode: 'norm' | 'neox';
  readonly yarn: YarnParameters;
}

/** `GGML_ROPE_TYPE_*`. */
export const ROPE_MODES: Record<RopeParameters['mode'], number> = { norm: 0, neox: 2 };
