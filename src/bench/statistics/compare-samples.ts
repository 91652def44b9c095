import { summarise } from '../../core/sample-summary.js';
import { bootstrapInterval, type BootstrapOptions, type Interval } from './bootstrap.js';
import { bootstrapDifference } from './bootstrap-difference.js';

/** Samples that scatter by more than this (coefficient of variation) decide nothing. */
const TOO_NOISY = 0.2;

/** `not worse`: no worse than the minimum effect allows, and whether it is better cannot be told. */
export type ComparisonOutcome = 'better' | 'unchanged' | 'not worse' | 'worse' | 'inconclusive' | 'too noisy';

export interface CompareOptions extends BootstrapOptions {
  readonly better: 'lower' | 'higher';
  /** Whether the nth value of one list and the nth of the other are of the same item, so that what makes an item slow cancels out. */
  readonly paired: boolean;
  /** Changes up to this fraction are taken for none. Default 0: every change counts that is more than chance. */
  readonly minEffect?: number;
}

export interface SampleComparison {
  /** How many times as good the second list is: a geometric mean. 1.25 of a latency is a quarter more in the same time. */
  readonly gain: number;
  readonly interval: Interval;
  /** Pairs, or the values of the shorter list. */
  readonly n: number;
  /** Coefficient of variation of the pairs' gains, or of the list that scatters more. */
  readonly scatter: number;
  readonly outcome: ComparisonOutcome;
}

/**
 * Whether `b` is as good as `a`, by a bootstrap of the mean logarithm of what it gained. A verdict needs the whole interval on one side of
 * `1 ± minEffect`, as in criterion.rs; where values scatter by more than 20% the answer is `too noisy`, however many there are,
 * because then something else was measured, too.
 * @returns undefined where a list is empty, a value is not positive, or pairs were asked for of lists of unequal length
 */
export function compareSamples(a: readonly number[], b: readonly number[], options: CompareOptions): SampleComparison | undefined {
  const { better, paired, minEffect = 0 } = options;
  const isComparable = a.length > 0 && b.length > 0 && [...a, ...b].every((value) => value > 0 && Number.isFinite(value));
  if (!isComparable || (paired && a.length !== b.length)) return undefined;
  // As goods, of which more is better.
  const goods = (values: readonly number[]): number[] => values.map((value) => (better === 'higher' ? value : 1 / value));
  const [before, after] = [goods(a), goods(b)];
  const gains = paired ? after.map((value, at) => value / (before[at] ?? NaN)) : [];
  const logarithms = paired ? gains.map(Math.log) : [];
  const [low, high] = paired
    ? bootstrapInterval(
        logarithms.map((value) => [value, 1]),
        ([sum = 0, n = 0]) => sum / n,
        options,
      )
    : bootstrapDifference(before.map(Math.log), after.map(Math.log), options);
  const interval: Interval = [Math.exp(low), Math.exp(high)];
  const scatter = Math.max(...(paired ? [gains] : [a, b]).map((values) => summarise(values).cv ?? 0));
  return {
    gain: Math.exp(paired ? mean(logarithms) : mean(after.map(Math.log)) - mean(before.map(Math.log))),
    interval,
    n: Math.min(a.length, b.length),
    scatter,
    outcome: scatter > TOO_NOISY ? 'too noisy' : outcomeOf(interval, [1 / (1 + minEffect), 1 + minEffect]),
  };
}

/** What an interval says of something of which more is better and changes from `worst` to `best` are taken for none. */
export function outcomeOf([low, high]: Interval, [worst, best]: Interval): ComparisonOutcome {
  if (high < worst) return 'worse';
  if (low > best) return 'better';
  if (low < worst) return 'inconclusive';
  return high <= best ? 'unchanged' : 'not worse';
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
