import type { Samples, Verdict } from '../../../core/run-record.js';
import { summarise } from '../../../core/sample-summary.js';

/** One measurement of both runtimes, pair by pair. */
export interface Comparison {
  /** What was measured, for example `decode_at_256`. */
  readonly what: string;
  /** How many times as fast as the peer: peer's time / subject's time, per pair. */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number; readonly cv: number };
  readonly pairs: number;
  /** Pair by pair. */
  readonly ratios: readonly number[];
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
      const { median, min, max, cv } = summarise(ratios);
      return [{ what, pairs: ratios.length, ratios, ratio: { median, min, max, cv: cv ?? 0 } }];
    });
}

/** Ratios that scatter by more than this (coefficient of variation) decide nothing. */
const TOO_NOISY = 0.2;

/** Whether the subject kept up, judged on the median pair; pairs that scatter too much give no verdict either way. */
export function speedVerdicts(comparisons: readonly Comparison[], peer: string, bound: number): Verdict[] {
  return comparisons
    .filter(({ what }) => what !== 'load')
    .map(({ what, ratio, pairs }) => {
      const outcome = ratio.cv > TOO_NOISY ? 'inconclusive' : ratio.median >= bound ? 'pass' : 'fail';
      const spread = `median of ${pairs} pairs, ${ratio.min.toFixed(3)} to ${ratio.max.toFixed(3)}`;
      const noise = outcome === 'inconclusive' ? '; too noisy to judge: leave the machine alone and measure again' : '';
      return {
        name: `speed:${what}`,
        outcome,
        detail: `${ratio.median.toFixed(3)}× ${peer} (${spread}); wanted ${bound.toFixed(2)}×${noise}`,
      };
    });
}
