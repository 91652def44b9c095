import { argmax } from '../../engine/sampling/greedy-sampler.js';

/** One step's logits of two forward passes. */
export interface RowComparison {
  /** The tokens they choose. */
  readonly ours: number;
  readonly theirs: number;
  /** Largest |difference| of a logit; infinite where one has a value that is no number, or another vocabulary. */
  readonly delta: number;
  /** The peer's largest logit minus its smallest. */
  readonly spread: number;
  /** How far the peer's logit of our choice lies below that of its own. */
  readonly margin: number;
}

export function compareRows(ours: Float32Array, theirs: Float32Array): RowComparison {
  let delta = ours.length === theirs.length ? 0 : Infinity;
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < theirs.length; i++) {
    const value = theirs[i] ?? NaN;
    const difference = Math.abs((ours[i] ?? NaN) - value);
    // Comparisons with NaN are false, so it is asked for what must hold.
    if (!(difference <= delta)) delta = Number.isNaN(difference) ? Infinity : difference;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const [our, their] = [argmax(ours), argmax(theirs)];
  return { ours: our, theirs: their, delta, spread: high - low, margin: (theirs[their] ?? NaN) - (theirs[our] ?? NaN) };
}
