import { readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { expect, it } from 'vitest';
import { compareSamples } from '../../src/bench/statistics/compare-samples.js';
import { medianInterval } from '../../src/bench/statistics/median-interval.js';
import { mannWhitney } from '../../src/core/mann-whitney.js';
import { overLatencyAllowance } from '../../src/core/percentiles.js';

const Numbers = Type.Array(Type.Number());
const Reference = Type.Object({
  mannWhitney: Type.Array(Type.Object({ name: Type.String(), a: Numbers, b: Numbers, p: Type.Number() })),
  medianIntervals: Type.Array(
    Type.Object({ values: Numbers, wanted: Type.Number(), low: Type.Number(), high: Type.Number(), confidence: Type.Number() }),
  ),
  bootstraps: Type.Array(
    Type.Object({
      ...{ paired: Type.Boolean(), a: Numbers, b: Numbers },
      ...{ gain: Type.Number(), low: Type.Number(), high: Type.Number(), error: Type.Number() },
    }),
  ),
  overLatencyAllowances: Type.Array(Type.Object({ n: Type.Integer(), p: Type.Number(), t: Type.Integer() })),
});
/** What scipy says; test/fixtures/statistics/make.py wrote it. */
const reference: Static<typeof Reference> = Value.Parse(
  Reference,
  JSON.parse(readFileSync(new URL('../fixtures/statistics/reference.json', import.meta.url), 'utf8')),
);

it.each(reference.mannWhitney)('Mann-Whitney as scipy.stats.mannwhitneyu: $name', ({ a, b, p }) => {
  expect(mannWhitney(a, b) / p).toBeCloseTo(1, 6);
  expect(mannWhitney(b, a)).toBeCloseTo(mannWhitney(a, b), 12);
});

it.each(reference.medianIntervals)('median interval of $values.length at $wanted as scipy.stats.quantile_test', (row) => {
  const { values, wanted, low, high, confidence } = row;
  const interval = medianInterval(values, wanted);
  expect([interval?.low, interval?.high]).toEqual([low, high]);
  expect(interval?.confidence).toBeCloseTo(confidence, 9);
});

it('five samples are too few for a median interval at 95%, six are enough', () => {
  expect(medianInterval([1, 2, 3, 4, 5])).toBeNull();
  expect(medianInterval([6, 5, 4, 3, 2, 1])).toEqual({ low: 1, high: 6, confidence: 1 - 2 / 64 });
  expect(medianInterval([])).toBeNull();
});

it.each(reference.bootstraps)(
  'a comparison has the interval of scipy.stats.bootstrap, paired: $paired',
  ({ paired, a, b, ...expected }) => {
    const compared = compareSamples(a, b, { better: 'lower', paired, seed: 3, resamples: 20_000 });
    expect(compared?.gain).toBeCloseTo(expected.gain, 9);
    // A 2.5% quantile of 20,000 resamples is uncertain by some 0.02 standard errors.
    expect(Math.abs(Math.log((compared?.interval[0] ?? NaN) / expected.low)) / expected.error).toBeLessThan(0.1);
    expect(Math.abs(Math.log((compared?.interval[1] ?? NaN) / expected.high)) / expected.error).toBeLessThan(0.1);
  },
);

it('early stopping allows as many samples over the bound as the binomial distribution of scipy', () => {
  for (const { n, p, t } of reference.overLatencyAllowances) expect(overLatencyAllowance(n, p), `n ${n}, p ${p}`).toBe(t);
});
