import { type Static, Type } from 'typebox';
import { EdgeVlmError } from './errors.js';
import { percentile } from './percentiles.js';

const REPORTED_PERCENTILES = [0.5, 0.9, 0.95, 0.99];

/** A sample further from the median than this many median absolute deviations is an outlier: ten standard deviations of a normal law. */
export const OUTLIER_MADS = 14.8;

/** How far repetitions scatter: coefficient of variation up to 5%, 10%, 20%, and beyond. */
const NoiseBand = Type.Enum(['quiet', 'fair', 'noisy', 'too noisy']);
export type NoiseBand = Static<typeof NoiseBand>;

/** Statistics of one list of samples, in the samples' unit unless said otherwise. */
export const SampleSummary = Type.Object(
  {
    n: Type.Integer({ minimum: 1 }),
    mean: Type.Number(),
    median: Type.Number({ description: 'Mean of the two middle samples when n is even.' }),
    stdev: Type.Union([Type.Number(), Type.Null()], { description: 'Sample standard deviation (n − 1); null for one sample.' }),
    cv: Type.Union([Type.Number(), Type.Null()], { description: 'Coefficient of variation: stdev / |mean|, a fraction.' }),
    mad: Type.Number({ description: 'Median absolute deviation from the median, unscaled.' }),
    outliers: Type.Integer({ minimum: 0, description: 'Samples with |x − median| / mad > 14.8; 0 where mad is 0.' }),
    min: Type.Number(),
    max: Type.Number(),
    percentiles: Type.Array(
      Type.Object(
        {
          p: Type.Number(),
          value: Type.Number({ description: 'sorted[⌊n·p⌋]' }),
          status: Type.Enum(['bounded', 'estimate']),
          upperBound: Type.Union([Type.Number(), Type.Null()], { description: '99% confidence; null below the minimum n.' }),
        },
        { additionalProperties: false },
      ),
    ),
    noise: Type.Union([NoiseBand, Type.Null()], { description: 'Band of cv: 5%, 10%, 20%; null for one sample and for items.' }),
  },
  { additionalProperties: false },
);
export type SampleSummary = Static<typeof SampleSummary>;

/** Summarises samples in any order. Throws INTERNAL when there are none or one is not a finite number. */
export function summarise(values: readonly number[]): SampleSummary {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const min = sorted[0];
  const max = sorted[n - 1];
  if (min === undefined || max === undefined || !sorted.every(Number.isFinite)) {
    throw new EdgeVlmError('INTERNAL', `cannot summarise ${n} samples: all must be finite numbers and there must be one`);
  }
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const middle = medianOfSorted(sorted);
  const stdev = n > 1 ? Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)) : null;
  const cv = stdev === null || mean === 0 ? null : stdev / Math.abs(mean);
  const mad = medianOfSorted(sorted.map((value) => Math.abs(value - middle)).sort());
  const ascending = [...sorted];
  return {
    n,
    mean,
    median: middle,
    stdev,
    cv,
    mad,
    outliers: mad === 0 ? 0 : ascending.filter((value) => Math.abs(value - middle) > OUTLIER_MADS * mad).length,
    min,
    max,
    percentiles: REPORTED_PERCENTILES.map((p) => percentile(ascending, p)),
    noise: cv === null ? null : noiseBand(cv),
  };
}

/** The middle sample of values in any order, or the mean of the two middle ones; NaN when there are none. */
export function median(values: readonly number[]): number {
  return medianOfSorted(Float64Array.from(values).sort());
}

function medianOfSorted(sorted: Float64Array): number {
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? NaN) + (sorted[Math.floor(half)] ?? NaN)) / 2;
}

function noiseBand(cv: number): NoiseBand {
  if (cv <= 0.05) return 'quiet';
  if (cv <= 0.1) return 'fair';
  return cv <= 0.2 ? 'noisy' : 'too noisy';
}
