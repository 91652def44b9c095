import { EdgeVlmError } from '../../core/errors.js';
import { smallFastCounter } from '../../core/small-fast-counter.js';
import { type BootstrapOptions, type Interval, percentileInterval } from './bootstrap.js';

/**
 * The percentile bootstrap of `mean(b) − mean(a)` for two lists that were drawn apart from each other: each is resampled for itself.
 * @throws EdgeVlmError INTERNAL when a list is empty
 */
export function bootstrapDifference(
  a: readonly number[],
  b: readonly number[],
  { seed, resamples = 2000, confidence = 0.95 }: BootstrapOptions,
): Interval {
  if (a.length === 0 || b.length === 0) throw new EdgeVlmError('INTERNAL', 'two lists are compared, and one is empty');
  const bits = smallFastCounter(seed);
  const meanOfDraws = (values: readonly number[]): number => {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw++) sum += values[Math.floor((bits() / 2 ** 32) * values.length)] ?? NaN;
    return sum / values.length;
  };
  const estimates = Array.from({ length: resamples }, () => meanOfDraws(b) - meanOfDraws(a));
  return percentileInterval(estimates, confidence);
}
