import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareRuns, type RunComparison } from '../../src/bench/statistics/compare-runs.js';
import { compareSamples } from '../../src/bench/statistics/compare-samples.js';
import type { RunRecord, Samples, Score } from '../../src/core/run-record.js';
import { RunStore } from '../../src/tracking/files/run-store.js';
import { runCli } from '../cli/run-cli.js';
import { sampleRecord } from '../tracking/support/sample-record.js';

/** Scatters by about two per cent about `centre`, differently for another `phase`. */
const times = (n: number, centre: number, phase = 0): number[] =>
  Array.from({ length: n }, (_, index) => centre * (1 + (((index * 7919 + phase * 104729) % 17) - 8) / 400));
const latency = (values: number[], parts: Partial<Samples> = {}): RunRecord =>
  sampleRecord(1, { samples: [{ name: 'latency', unit: 'ms', values, ...parts }], scores: [] });
const compare = (a: RunRecord, b: RunRecord, parts: object = {}): RunComparison =>
  compareRuns(a, b, { minEffect: 0.05, confidence: 0.95, seed: 1, ...parts });
const base = latency(times(40, 100));

describe('a run is compared with another', () => {
  it.each([
    ['slower by a fifth', latency(times(40, 120, 1)), 'worse', 'regression'],
    ['faster by a fifth', latency(times(40, 80, 1)), 'better', 'no regression'],
    ['slower by less than the minimum effect', latency(times(40, 102, 1)), 'unchanged', 'no regression'],
    ['slower by about the minimum effect', latency(times(40, 105, 1)), 'inconclusive', 'inconclusive'],
    ['of wild samples', latency(times(40, 130).map((value, index) => value * (index % 2 ? 1 : 2))), 'too noisy', 'inconclusive'],
  ] as const)('%s', (_, run, metric, outcome) => {
    const result = compare(base, run);
    expect(result.metrics.map((one) => [one.name, one.outcome])).toEqual([['latency', metric]]);
    expect(result.outcome).toBe(outcome);
  });

  it('the same figures are no regression, and a rate is better when it is high', () => {
    expect(compare(base, latency(times(40, 100))).outcome).toBe('no regression');
    const speed = (centre: number): RunRecord => latency(times(40, centre), { name: 'speed', unit: 'tok/s' });
    expect(compare(speed(20), speed(25)).metrics[0]).toMatchObject({ outcome: 'better' });
    expect(compare(speed(20), speed(15)).outcome).toBe('regression');
  });

  it('item by item where the items are the same, so that hard items are no noise', () => {
    const pictures = (factor: number): RunRecord =>
      latency(
        times(40, 100).map((value, index) => value * factor * (1 + (index % 10))),
        { over: 'items' },
      );
    expect(compare(pictures(1), pictures(1.2)).metrics[0]).toMatchObject({ paired: true, outcome: 'worse' });
    const others = { ...pictures(1.2), dataset: { name: 'others', sha256: 'c'.repeat(64), items: 40 } };
    expect(compare(pictures(1), others)).toMatchObject({ metrics: [{ paired: false, outcome: 'too noisy' }], differences: ['dataset'] });
  });

  it('what is faster and says something else is no speed-up, and what is slower stays slower', () => {
    const answered = (centre: number, answers: readonly number[]): RunRecord =>
      sampleRecord(1, {
        samples: [
          { name: 'latency', unit: 'ms', values: times(40, centre, 1), over: 'items' },
          { name: 'picture_index', unit: 'index', values: answers.map((_, index) => index), over: 'items' },
          { name: 'answer_fingerprint', unit: 'HMAC, 48 bits', values: [...answers], over: 'items' },
        ],
        scores: [],
      });
    const outcomes = (a: RunRecord, b: RunRecord): unknown[] => {
      const { metrics, outcome, sameAnswers } = compare(a, b, { metrics: ['latency'] });
      return [metrics.map((one) => one.outcome), outcome, sameAnswers];
    };
    const first = answered(100, [7, 8, 9, 9]);
    expect(outcomes(first, answered(80, [7, 8, 9, 9]))).toEqual([['better'], 'no regression', 1]);
    expect(outcomes(first, answered(80, [7, 8, 9, 1]))).toEqual([['other answers'], 'no regression', 0.75]);
    expect(outcomes(first, answered(120, [7, 8, 9, 1]))).toEqual([['worse'], 'regression', 0.75]);
  });

  it('by its scores, but not by what a blind guess reaches', () => {
    const scored = (value: number, name = 'caption.object_f1'): RunRecord => {
      const score: Score = { name, unit: 'fraction', value, n: 1000, interval: { low: value - 0.01, high: value + 0.01, level: 0.95 } };
      return sampleRecord(1, { samples: [], scores: [score] });
    };
    expect(compare(scored(0.9), scored(0.7))).toMatchObject({
      outcome: 'regression',
      metrics: [{ change: expect.closeTo(-0.2) as number }],
    });
    expect(compare(scored(0.9), scored(0.91)).outcome).toBe('no regression');
    expect(compare(scored(0.9, 'chance.x'), scored(0.1, 'chance.x'))).toMatchObject({
      outcome: 'inconclusive',
      metrics: [{ outcome: 'not judged' }],
    });
  });

  it('with intervals that hold together, and on what was asked for only', () => {
    const many = sampleRecord(1, {
      samples: Array.from({ length: 10 }, (_, at) => ({ name: `step ${at}`, unit: 'ms', values: times(40, 100, at) })),
      scores: [],
    });
    expect(compare(many, many).confidence).toBeCloseTo(0.995, 9);
    expect(compare(many, many, { metrics: ['step 3'] })).toMatchObject({ confidence: 0.95, metrics: [{ name: 'step 3' }] });
  });
});

it('equal machines are hardly ever told apart', () => {
  let state = 5;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const draw = (): number[] => Array.from({ length: 30 }, () => 90 + 20 * random());
  let wrong = 0;
  for (let trial = 0; trial < 300; trial++) {
    const outcome = compareSamples(draw(), draw(), { better: 'lower', paired: false, seed: trial, resamples: 400 })?.outcome;
    if (outcome === 'worse' || outcome === 'better') wrong++;
  }
  // 5% are expected.
  expect(wrong).toBeLessThan(30);
});

it('lists that cannot be compared are not', () => {
  const options = { better: 'lower', paired: true, seed: 1 } as const;
  for (const [a, b] of [
    [[], []],
    [[1, 2], [1]],
    [
      [0, 1],
      [1, 1],
    ],
    [
      [1, -1],
      [1, 1],
    ],
  ] as const)
    expect(compareSamples(a, b, options)).toBeUndefined();
});

describe('edgevlm compare', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'edgevlm-compare-'));
  });
  afterEach(async () => {
    await rm(home, { recursive: true });
  });

  it('answers with its exit code: 0 no regression, 1 a regression, 2 cannot be told, and other codes for errors', async () => {
    const store = new RunStore(join(home, 'runs'));
    const slow = latency(times(40, 120, 1));
    const few = latency([100, 108]);
    const file = await store.save(base);
    await store.save(slow);
    await store.save(few);
    const cli = (...args: string[]) => runCli(['compare', ...args], { cwd: home });
    expect(await cli(base.id, slow.id)).toMatchObject({ code: 1, stdout: expect.stringContaining('regression: at least one') as string });
    expect(await cli(file, slow.id, '--min-effect', '0.3')).toMatchObject({ code: 0 });
    const unsure = await cli(base.id, few.id, '--json');
    expect(unsure.code).toBe(2);
    expect(JSON.parse(unsure.stdout)).toMatchObject({ a: base.id, b: few.id, minEffect: 0.05, outcome: 'inconclusive' });
    expect((await cli(base.id, slow.id, '--metric', 'nothing')).code).toBe(64);
    expect((await cli(base.id, 'absent')).code).toBe(65);
  });
});
