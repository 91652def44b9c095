import type { Samples, Verdict } from '../../../core/run-record.js';
import { median } from '../../../core/sample-summary.js';

/** One measurement of both runtimes, pair by pair. */
export interface Comparison {
  /** What was measured, for example `decode_at_256`. */
  readonly what: string;
  /** How many times as fast as the peer: peer's time / subject's time, per pair. */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number };
  readonly pairs: number;
}

/** Pairs the samples of two runtimes that took turns. */
export function compareForwardPasses(samples: readonly Samples[], subject: string, peer: string): Comparison[] {
  const of = (name: string): readonly number[] => samples.find((list) => list.name === name)?.values ?? [];
  return samples
    .filter(({ name }) => name.startsWith(`${subject}/`))
    .flatMap(({ name, values }) => {
      const what = name.slice(subject.length + 1);
      const ratios = of(`${peer}/${what}`).map((theirs, i) => theirs / (values[i] ?? NaN));
      if (ratios.length === 0) return [];
      return [{ what, pairs: ratios.length, ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) } }];
    });
}

/** Whether the subject kept up, judged on the median pair; a spread that includes the bound on both sides is said. */
export function speedVerdicts(comparisons: readonly Comparison[], peer: string, bound: number): Verdict[] {
  return comparisons
    .filter(({ what }) => what !== 'load')
    .map(({ what, ratio, pairs }) => ({
      name: `speed:${what}`,
      outcome: ratio.median >= bound ? ('pass' as const) : ('fail' as const),
      detail: `${ratio.median.toFixed(3)}× ${peer} (median of ${pairs} pairs, ${ratio.min.toFixed(3)} to ${ratio.max.toFixed(3)}); wanted ${bound.toFixed(2)}×`,
    }));
}
