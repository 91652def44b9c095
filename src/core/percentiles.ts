import { EdgeVlmError } from './errors.js';

/** MLPerf LoadGen's confidence is 0.99: a bound may be wrong one time in a hundred. */
const FAILURE_PROBABILITY = 0.01;

/** A percentile, and how far it can be trusted. */
export interface Percentile {
  /** 0..1, for example 0.9. */
  readonly p: number;
  readonly value: number;
  /** `bounded` when there are enough samples for `upperBound`; otherwise the value is no more than an estimate. */
  readonly status: 'bounded' | 'estimate';
  /** With 99% confidence the true percentile is not above this; null when there are too few samples. */
  readonly upperBound: number | null;
}

/**
 * MLPerf's percentile: `sorted[⌊n·p⌋]` (mlcommons/inference, `loadgen/results.cc`).
 * @param sorted ascending, not empty. Throws INTERNAL when empty or when p lies outside 0..1.
 */
export function percentile(sorted: readonly number[], p: number): Percentile {
  const n = sorted.length;
  const value = sorted[Math.min(Math.floor(n * p), n - 1)];
  if (value === undefined || !(p >= 0 && p <= 1)) throw new EdgeVlmError('INTERNAL', `no ${p * 100}th percentile of ${n} samples`);
  const t = overLatencyAllowance(n, p);
  const upperBound = t >= 1 ? (sorted[n - t] ?? null) : null;
  return { p, value, status: upperBound === null ? 'estimate' : 'bounded', upperBound };
}

/** The fewest samples from which percentile `p` (0 < p < 1) is reported as bounded. */
export function minimumSamples(p: number): number {
  let n = 1;
  while (overLatencyAllowance(n, p) < 1) n++;
  return n;
}

/**
 * How many of `n` samples may reach a value that still bounds percentile `p`: the largest t with P[Bin(n, 1−p) ≤ t] ≤ 0.01,
 * negative when there is none. If the true percentile were above the t-th highest sample, fewer than t would lie beyond it.
 * Source: MLPerf LoadGen's early stopping (`loadgen/early_stopping.cc`), where n = h + t; it discards t − 1 and reports the next.
 */
export function overLatencyAllowance(n: number, p: number): number {
  if (!(p > 0 && p < 1)) return -1;
  let cumulative = 0;
  // In logarithms, because p^n underflows long before n is large.
  let logTerm = n * Math.log(p);
  for (let t = 0; t <= n; t++) {
    cumulative += Math.exp(logTerm);
    if (cumulative > FAILURE_PROBABILITY) return t - 1;
    logTerm += Math.log((n - t) / (t + 1)) + Math.log((1 - p) / p);
  }
  return n;
}
