import { EdgeVlmError } from '../../core/errors.js';

export interface MedianInterval {
  readonly low: number;
  readonly high: number;
  /** How sure the interval is, at least as sure as was asked for: order statistics come in steps. */
  readonly confidence: number;
}

/**
 * A confidence interval for the median that assumes nothing about the distribution: the k-th lowest and the k-th highest sample, k the
 * largest for which P[Bin(n, ½) < k] is at most half of what may go wrong (Conover, Practical Nonparametric Statistics, 3.2;
 * `scipy.stats.quantile_test`). Null where there are too few samples: 6 are needed for 95%.
 * @throws EdgeVlmError INTERNAL for a confidence outside of 0 to 1
 */
export function medianInterval(values: readonly number[], confidence = 0.95): MedianInterval | null {
  if (!(confidence > 0 && confidence < 1)) throw new EdgeVlmError('INTERNAL', `a confidence of ${confidence}`);
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  let k = 0;
  let below = 0;
  // In logarithms, because 2^−n underflows long before n is large.
  let logTerm = -n * Math.LN2;
  for (let cumulative = 0; k < n; k++) {
    cumulative += Math.exp(logTerm);
    if (cumulative > (1 - confidence) / 2) break;
    below = cumulative;
    logTerm += Math.log((n - k) / (k + 1));
  }
  const [low, high] = [sorted[k - 1], sorted[n - k]];
  return low === undefined || high === undefined ? null : { low, high, confidence: 1 - 2 * below };
}
