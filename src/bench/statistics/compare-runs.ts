import { sha256Json } from '../../core/canonical-json.js';
import type { RunRecord, Samples, Score } from '../../core/run-record.js';
import { compareAnswers } from '../scenarios/vlm/compare-answers.js';
import { type ComparisonOutcome, compareSamples, outcomeOf } from './compare-samples.js';

export interface CompareRunsOptions {
  /** Changes up to this fraction are taken for none, for example 0.05. */
  readonly minEffect: number;
  /** How sure all the judgements are together: each interval has 1 − (1 − confidence) / their number (Bonferroni). */
  readonly confidence: number;
  readonly seed: number;
  /** Names of samples and scores; default: all that both runs have. */
  readonly metrics?: readonly string[];
}

export interface MetricComparison {
  readonly name: string;
  readonly unit: string;
  /** Geometric means for samples; the values of scores. */
  readonly a: number;
  readonly b: number;
  /** How much better the second is, a fraction; negative is worse. For a latency 0.25 is a quarter more in the same time. */
  readonly change: number;
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly paired: boolean;
  /**
   * `not judged`: nobody can tell which way is better, or how sure the values are. `other answers`: faster, and the second run said
   * something else, so that it did other work and this is no speed-up.
   */
  readonly outcome: ComparisonOutcome | 'not judged' | 'other answers';
}

export interface RunComparison {
  readonly metrics: readonly MetricComparison[];
  readonly outcome: 'no regression' | 'regression' | 'inconclusive';
  /** Share of the items that both gave the same text for; null where that is not known. */
  readonly sameAnswers: number | null;
  /** Confidence of each interval. */
  readonly confidence: number;
  /** What differs between the runs besides the figures: `model`, `settings.threads`, `environment`, … */
  readonly differences: readonly string[];
}

/**
 * Whether run `b` is worse than run `a`, figure by figure. Lists over items of the same data set are compared item by item; all others
 * as two lists that were drawn apart. Of the machine itself (`machine/…`) and of chance baselines nothing is judged.
 */
export function compareRuns(a: RunRecord, b: RunRecord, options: CompareRunsOptions): RunComparison {
  const wanted = (name: string): boolean => options.metrics === undefined || options.metrics.includes(name);
  const sampleNames = a.samples.filter(({ name, unit }) => wanted(name) && find(b.samples, name, unit) !== undefined);
  const scores = (a.scores ?? []).filter(({ name, unit }) => wanted(name) && find(b.scores ?? [], name, unit) !== undefined);
  const judged = sampleNames.filter(isJudged).length + scores.filter(isJudgedScore).length;
  const confidence = 1 - (1 - options.confidence) / Math.max(1, judged);
  const sameItems = a.dataset !== null && a.dataset.sha256 === b.dataset?.sha256;
  const sameAnswers = sameItems ? sameAnswersOf(a, b) : null;
  const metrics = [
    ...sampleNames
      .flatMap((list) => compareLists(list, find(b.samples, list.name, list.unit), { ...options, confidence, sameItems }))
      .map((metric) => ((sameAnswers ?? 1) < 1 ? withoutSpeedUp(metric) : metric)),
    ...scores.flatMap((score) => compareScores(score, find(b.scores ?? [], score.name, score.unit), options.minEffect)),
  ];
  const has = (...outcomes: MetricComparison['outcome'][]): boolean => metrics.some(({ outcome }) => outcomes.includes(outcome));
  return {
    metrics,
    outcome: has('worse')
      ? 'regression'
      : has('inconclusive', 'too noisy') || !has('better', 'unchanged', 'not worse', 'other answers')
        ? 'inconclusive'
        : 'no regression',
    sameAnswers,
    confidence,
    differences: differencesOf(a, b),
  };
}

function find<T extends { name: string; unit: string }>(list: readonly T[], name: string, unit: string): T | undefined {
  return list.find((one) => one.name === name && one.unit === unit);
}

/** Time, memory and energy are better low, what is counted per second is better high; nobody knows about the rest. */
function betterDirection(unit: string): 'lower' | 'higher' | undefined {
  if (unit.endsWith('/s')) return 'higher';
  return /^(ns|µs|ms|s|bytes|[kKMG]i?B|J|mJ|W)(\/|$)/.test(unit) ? 'lower' : undefined;
}

function isSpeed(unit: string): boolean {
  return unit.endsWith('/s') || /^(ns|µs|ms|s)(\/|$)/.test(unit);
}

function isJudged({ name, unit }: Samples): boolean {
  return !name.startsWith('machine/') && betterDirection(unit) !== undefined;
}

/** Shares of right answers; what a blind guess would reach, and what the run itself compared with another, is not this run's quality. */
function isJudgedScore({ name, unit, interval }: Score): boolean {
  return unit === 'fraction' && interval !== null && !/^(chance|agreement|difference|parity)\./.test(name);
}

function compareLists(
  a: Samples,
  b: Samples | undefined,
  { sameItems, ...options }: CompareRunsOptions & { readonly sameItems: boolean },
): MetricComparison[] {
  if (b === undefined) return [];
  const paired = sameItems && a.over === 'items' && b.over === 'items' && a.values.length === b.values.length;
  const compared = compareSamples(a.values, b.values, { ...options, better: betterDirection(a.unit) ?? 'higher', paired });
  if (compared === undefined) return [];
  const { gain, interval, outcome } = compared;
  const [low, high] = interval;
  return [
    {
      ...{ name: a.name, unit: a.unit, a: geometricMean(a.values), b: geometricMean(b.values), paired },
      change: gain - 1,
      interval: { low: low - 1, high: high - 1 },
      outcome: isJudged(a) ? outcome : 'not judged',
    },
  ];
}

/** Scores come with intervals and without their items: the interval of the difference is that of two independent values. */
function compareScores(a: Score, b: Score | undefined, minEffect: number): MetricComparison[] {
  if (b === undefined) return [];
  const known = { name: a.name, unit: a.unit, a: a.value, b: b.value, paired: false };
  const change = b.value - a.value;
  if (a.interval === null || b.interval === null || !isJudgedScore(a)) return [{ ...known, change, interval: null, outcome: 'not judged' }];
  const low = change - Math.hypot(b.value - b.interval.low, a.interval.high - a.value);
  const high = change + Math.hypot(b.interval.high - b.value, a.value - a.interval.low);
  return [{ ...known, change, interval: { low, high }, outcome: outcomeOf([low, high], [-minEffect, minEffect]) }];
}

/** Fingerprints of answers can be compared on one machine only: the key stays there. */
function sameAnswersOf(a: RunRecord, b: RunRecord): number | null {
  const [machineA, machineB] = [a, b].map(({ environment: { cpu, memory_bytes } }) => sha256Json([cpu, memory_bytes]));
  return machineA === machineB ? compareAnswers(b, a).share : null;
}

function withoutSpeedUp(metric: MetricComparison): MetricComparison {
  return metric.outcome === 'better' && isSpeed(metric.unit) ? { ...metric, outcome: 'other answers' } : metric;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function differencesOf(a: RunRecord, b: RunRecord): string[] {
  const differing = (prefix: string, x: Readonly<Record<string, unknown>>, y: Readonly<Record<string, unknown>>): string[] =>
    [...new Set([...Object.keys(x), ...Object.keys(y)])].filter((name) => x[name] !== y[name]).map((name) => `${prefix}${name}`);
  const hashes = ({ models }: RunRecord): Record<string, string> =>
    Object.fromEntries(Object.entries(models).map(([role, { sha256 }]) => [role, sha256]));
  return [
    ...(a.command === b.command ? [] : ['command']),
    ...differing('', hashes(a), hashes(b)),
    ...(a.dataset?.sha256 === b.dataset?.sha256 ? [] : ['dataset']),
    ...(a.environmentSha256 === b.environmentSha256 ? [] : ['environment']),
    ...differing('settings.', a.settings.effective, b.settings.effective),
    ...differing('seeds.', a.seeds, b.seeds),
  ];
}
