import type { Score, Verdict } from '../../../core/run-record.js';
import { objectMetrics } from '../../quality/caption-metrics.js';
import { meanMetric, scoreMetrics, type Metric, type Scored } from '../../quality/metric.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import { compareSamples, type SampleComparison } from '../../statistics/compare-samples.js';
import type { MeasuredPicture } from './precision-turn.js';

const LEVEL = 0.95;
/** A loss of object F1 up to this is taken as quality kept. */
const QUALITY_MARGIN = 0.03;

export interface PrecisionComparison extends Scored {
  /** `speed:latency` and `quality:caption.object_f1`. */
  readonly verdicts: readonly Verdict[];
}

export interface ComparedPrecision {
  readonly name: string;
  readonly pictures: readonly MeasuredPicture[];
}

/**
 * One precision beside another, picture by picture, so that what makes a picture slow or hard cancels out. Scores:
 * `speedup.latency` (geometric mean of their latency / ours), `agreement.captions` and `agreement.answers` (shares that are the same
 * text), `difference.caption.object_f1` (ours − theirs).
 * @param seed of the bootstrap
 */
export function comparePrecisions(
  subject: ComparedPrecision,
  reference: ComparedPrecision,
  vocabulary: CaptionVocabulary,
  seed: number,
): PrecisionComparison {
  const theirs = new Map(reference.pictures.map((picture) => [picture.index, picture]));
  const pairs = subject.pictures.flatMap((ours): [MeasuredPicture, MeasuredPicture][] => {
    const other = theirs.get(ours.index);
    return other === undefined ? [] : [[ours, other]];
  });
  if (pairs.length === 0) return { scores: [], samples: [], verdicts: [] };

  const speed = compareSamples(
    pairs.map(([, other]) => other.latency_ms),
    pairs.map(([ours]) => ours.latency_ms),
    { better: 'lower', paired: true, confidence: LEVEL, seed },
  );
  const { samples, scores: agreement } = scoreMetrics(agreementMetrics(pairs), seed);
  const [difference] = scoreMetrics([f1Difference(pairs, vocabulary)], seed).scores;
  return {
    scores: [...(speed === undefined ? [] : [speedup(speed)]), ...(difference === undefined ? [] : [difference]), ...agreement],
    samples,
    verdicts: [
      ...(speed === undefined ? [] : [speedVerdict(speed, reference.name)]),
      ...(difference === undefined ? [] : [qualityVerdict(difference, reference.name)]),
    ],
  };
}

function speedup({ gain, n, interval: [low, high] }: SampleComparison): Score {
  return { name: 'speedup.latency', unit: '×', value: gain, n, interval: { low, high, level: LEVEL } };
}

function agreementMetrics(pairs: readonly (readonly [MeasuredPicture, MeasuredPicture])[]): Metric[] {
  const same = 'agreement.answers.same';
  return [
    meanMetric(
      'agreement.captions',
      'fraction',
      pairs.map(([ours, theirs]) => Number(ours.caption === theirs.caption)),
    ),
    {
      name: 'agreement.answers',
      unit: 'fraction',
      columns: [same, 'agreement.answers.asked'],
      rows: pairs.map(([{ answers }, theirs]) => [answers.filter((one, at) => one === theirs.answers[at]).length, answers.length]),
      score: ([equal = 0, asked = 0]) => equal / asked,
    },
  ];
}

function f1Difference(pairs: readonly (readonly [MeasuredPicture, MeasuredPicture])[], vocabulary: CaptionVocabulary): Metric {
  const f1Of = (side: 0 | 1): Metric | undefined =>
    objectMetrics(
      pairs.map((pair) => ({ said: pair[side].caption, objects: pair[side].truth.objects, right: pair[side].truth.captions })),
      vocabulary,
    ).find(({ name }) => name === 'caption.object_f1');
  const [ours, theirs] = [f1Of(0), f1Of(1)];
  const width = ours?.columns.length ?? 0;
  return {
    name: 'difference.caption.object_f1',
    unit: 'fraction',
    columns: [ours, theirs].flatMap((metric, side) => (metric?.columns ?? []).map((column) => `${side}.${column}`)),
    rows: (ours?.rows ?? []).map((row, at) => [...row, ...(theirs?.rows[at] ?? [])]),
    score: (sums) => (ours?.score(sums.slice(0, width)) ?? NaN) - (theirs?.score(sums.slice(width)) ?? NaN),
  };
}

function speedVerdict({ gain, n, interval: [low, high], scatter, outcome }: SampleComparison, reference: string): Verdict {
  const figures = `${gain.toFixed(2)}× as fast as ${reference} (95% interval ${low.toFixed(2)} to ${high.toFixed(2)}, ${n} pairs)`;
  const name = 'speed:latency';
  switch (outcome) {
    case 'too noisy': {
      const detail = `${figures}; the pairs scatter by ${(100 * scatter).toFixed(0)}%, too noisy to judge: leave the machine alone and measure again`;
      return { name, outcome: 'inconclusive', detail };
    }
    case 'better':
      return { name, outcome: 'pass', detail: `faster: ${figures}` };
    case 'worse':
      return { name, outcome: 'fail', detail: `slower: ${figures}` };
    case 'unchanged':
    case 'not worse':
    case 'inconclusive':
      return { name, outcome: 'inconclusive', detail: `as good as equal, or too few pairs to tell: ${figures}` };
    default:
      return outcome satisfies never;
  }
}

function qualityVerdict({ value, n, interval }: Score, reference: string): Verdict {
  const { low, high } = interval ?? { low: value, high: value };
  const name = 'quality:caption.object_f1';
  const points = (share: number): string => `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)}`;
  const figures = `${points(value)} points beside ${reference} (95% interval ${points(low)} to ${points(high)}, ${n} pictures)`;
  const allowed = `a loss of up to ${(100 * QUALITY_MARGIN).toFixed(0)} points is allowed`;
  // Where no picture made a difference the bootstrap has no width; up to 3/n may still differ (the rule of three).
  if (low === high && 3 / n > QUALITY_MARGIN) {
    const detail = `no picture of ${n} tells them apart, which excludes a loss only above ${((100 * 3) / n).toFixed(1)} points; ${allowed}`;
    return { name, outcome: 'inconclusive', detail };
  }
  if (low >= -QUALITY_MARGIN) return { name, outcome: 'pass', detail: `${figures}; ${allowed}` };
  if (high < -QUALITY_MARGIN) return { name, outcome: 'fail', detail: `${figures}; ${allowed}` };
  return { name, outcome: 'inconclusive', detail: `${figures}; ${allowed}: too few pictures to tell` };
}
