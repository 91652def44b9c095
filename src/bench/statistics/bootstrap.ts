import { EdgeVlmError } from '../../core/errors.js';
import { smallFastCounter } from '../../core/small-fast-counter.js';

export interface BootstrapOptions {
  /** An integer from 0; the same seed gives the same interval. */
  readonly seed: number;
  /** Default 2000. */
  readonly resamples?: number;
  /** Default 0.95. */
  readonly confidence?: number;
}

export type Interval = readonly [low: number, high: number];

/**
 * The percentile bootstrap (Efron 1979) for a statistic of sums over items: items are drawn with replacement, as many as there
 * are, their numbers are summed column by column, and the statistic of the sums is taken. A mean is `[sum, n] => sum / n` over
 * rows `[value, 1]`; a ratio, an F1 and corpus BLEU are of the same kind. Items must be independent: draw pictures, not the
 * questions about them. Resamples without a finite statistic (a ratio of nothing) are left out.
 * @param rows one for each item, of equal length
 * @throws EdgeVlmError INTERNAL when there are no rows or no resample has a finite statistic
 */
export function bootstrapInterval(
  rows: readonly (readonly number[])[],
  statistic: (sums: readonly number[]) => number,
  { seed, resamples = 2000, confidence = 0.95 }: BootstrapOptions,
): Interval {
  const width = rows[0]?.length ?? 0;
  const flat = Float64Array.from(rows.flat());
  if (width === 0 || flat.length !== width * rows.length) throw new EdgeVlmError('INTERNAL', 'bootstrap rows must be of one length, not 0');
  const bits = smallFastCounter(seed);
  const estimates: number[] = [];
  for (let resample = 0; resample < resamples; resample++) {
    const sums = new Array<number>(width).fill(0);
    for (let draw = 0; draw < rows.length; draw++) {
      const at = Math.floor((bits() / 2 ** 32) * rows.length) * width;
      for (let column = 0; column < width; column++) sums[column] = (sums[column] ?? 0) + (flat[at + column] ?? NaN);
    }
    const estimate = statistic(sums);
    if (Number.isFinite(estimate)) estimates.push(estimate);
  }
  if (estimates.length === 0) throw new EdgeVlmError('INTERNAL', 'no bootstrap resample has a finite statistic');
  return percentileInterval(estimates, confidence);
}

/** The middle `confidence` of the estimates of all resamples. */
export function percentileInterval(estimates: readonly number[], confidence: number): Interval {
  const sorted = Float64Array.from(estimates).sort();
  return [quantile(sorted, (1 - confidence) / 2), quantile(sorted, (1 + confidence) / 2)];
}

/** Linear between the two nearest, as `numpy.percentile` and with it `scipy.stats.bootstrap`. */
function quantile(sorted: Float64Array, q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? NaN;
  return low + ((sorted[Math.ceil(at)] ?? NaN) - low) * (at - Math.floor(at));
}
