import { EdgeVlmError } from '../../core/errors.js';
import { smallFastCounter } from '../../core/small-fast-counter.js';
import { type BootstrapOptions, type Interval, percentileInterval } from './bootstrap.js';

/**
 * The percentile bootstrap (Efron 1979) of `statistic(a) / statistic(b)` for two lists that were drawn apart from each other: each is
 * resampled for itself. Resamples without a finite ratio are left out.
 * @returns null where a list has fewer than two values, or no resample has a finite ratio
 */
export function bootstrapRatio<Item>(
  a: readonly Item[],
  b: readonly Item[],
  statistic: (items: readonly Item[]) => number,
  { seed, resamples = 2000, confidence = 0.95 }: BootstrapOptions,
): Interval | null {
  if (a.length < 2 || b.length < 2) return null;
  const bits = smallFastCounter(seed);
  const draw = (items: readonly Item[]): Item[] =>
    items.map(() => {
      const item = items[Math.floor((bits() / 2 ** 32) * items.length)];
      if (item === undefined) throw new EdgeVlmError('INTERNAL', 'a resample lies outside of its list');
      return item;
    });
  const ratios = Array.from({ length: resamples }, () => statistic(draw(a)) / statistic(draw(b))).filter(Number.isFinite);
  return ratios.length === 0 ? null : percentileInterval(ratios, confidence);
}
