import { expect, test } from 'vitest';
import type { Samples, ThermalLedger } from './record-parts.js';
import { generatorVerdicts, sampleVerdicts, thermalVerdicts } from './record-verdicts.js';
import { summarise } from './sample-summary.js';

/** Times about 100 that scatter by a few per cent, the same in every test. */
const steady = (n: number): number[] => Array.from({ length: n }, (_, index) => 100 + ((index * 7919) % 13) / 4);
const verdictsOf = (values: number[], parts: Partial<Samples> = {}): Record<string, string> => {
  const samples = { name: 'latency', unit: 'ms', values, ...parts };
  return Object.fromEntries(sampleVerdicts(samples, summarise(values)).map(({ name, outcome, detail }) => [name, `${outcome}: ${detail}`]));
};

test('quiet samples get no verdict but that on their percentiles', () => {
  expect(Object.keys(verdictsOf(steady(10)))).toEqual([]);
  expect(verdictsOf(steady(100))).toEqual({
    'percentile:latency': 'inconclusive: p50, p90 bounded at 99% confidence; p95 (from 130), p99 (from 662) estimate, n = 100',
  });
  expect(verdictsOf(steady(662))['percentile:latency']).toBe('pass: p50, p90, p95, p99 bounded at 99% confidence, n = 662');
});

test('a machine that slows down drifts; one slow sample, a small step and few samples do not', () => {
  const heated = steady(60).map((value, index) => value * (1 + index / 300));
  expect(verdictsOf(heated)['drift:latency']).toMatch(/^inconclusive: the median of the last 20 samples is \+1\d\.\d%/);
  expect(verdictsOf(heated.toReversed())['drift:latency']).toMatch(/is -1\d\.\d%/);
  expect(verdictsOf(steady(60).with(59, 1000))).not.toHaveProperty('drift:latency');
  expect(verdictsOf(steady(60).map((value, index) => value + (index < 30 ? 0 : 4)))).not.toHaveProperty('drift:latency');
  expect(verdictsOf(heated.filter((_, index) => index % 5 === 0))).not.toHaveProperty('drift:latency');
});

test('drift is not found where there is none', () => {
  let state = 1;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  let found = 0;
  for (let trial = 0; trial < 500; trial++)
    if ('drift:latency' in verdictsOf(Array.from({ length: 45 }, () => 50 + 50 * random()))) found++;
  // One in a hundred is allowed.
  expect(found).toBeLessThanOrEqual(12);
});

test('outliers are named by their place', () => {
  expect(verdictsOf(steady(30).with(7, 300))['outliers:latency']).toMatch(/^inconclusive: 1 of 30 samples .*\(at 7\)/);
  expect(verdictsOf(Array<number>(30).fill(5).with(7, 300))).not.toHaveProperty('outliers:latency');
});

test('items differ by their nature: their scatter is no noise, but their times may drift; counts have no verdicts', () => {
  const items = { over: 'items' } as const;
  const wild = steady(60).map((value, index) => (index % 3 === 0 ? 10 * value : value));
  expect(verdictsOf(wild)).toHaveProperty('noise:latency');
  expect(Object.keys(verdictsOf(wild, items))).toEqual(['percentile:latency']);
  expect(
    verdictsOf(
      steady(60).map((value, index) => value * (1 + index / 300)),
      items,
    )['drift:latency'],
  ).toMatch(/or the later items/);
  expect(verdictsOf(wild, { ...items, unit: 'count' })).toEqual({});
});

test('throttling spoils a run, a governor that changed makes it doubtful', () => {
  const reading = { frequency_mhz: 2000, temperature_celsius: 50, throttleEvents: 4 };
  const during = [1, 2].map((time_ms) => ({ ...reading, time_ms, governor: 'performance' }));
  const ledger: ThermalLedger = { before: reading, after: reading, during };
  expect(thermalVerdicts(ledger)).toEqual([]);
  expect(thermalVerdicts({ ...ledger, after: { ...reading, throttleEvents: 6 } })).toMatchObject([
    { name: 'thermal:throttling', outcome: 'fail' },
  ]);
  const saved = during.map((one, index) => (index === 0 ? one : { ...one, governor: 'powersave' }));
  expect(thermalVerdicts({ ...ledger, during: saved })).toMatchObject([{ name: 'thermal:governor', outcome: 'inconclusive' }]);
  const nothing = { frequency_mhz: null, temperature_celsius: null, throttleEvents: null };
  expect(thermalVerdicts({ before: nothing, after: nothing, during: [] })).toEqual([]);
});

test('a load generator that was in its own way says so', () => {
  const delay = (p99: number) => ({ p50: 0, p99, max: 20 });
  const audit = { duration_ms: 1000, eventLoopDelay_ms: delay(0.5), cpuShare: 0.2, startDelay_ms: delay(0.9), starts: 100 };
  const outcomes = (parts: Partial<typeof audit>): string[] =>
    generatorVerdicts({ ...audit, ...parts }).map(({ name, outcome }) => `${name} ${outcome}`);
  expect(outcomes({})).toEqual(['generator:event_loop pass', 'generator:cpu pass', 'generator:schedule pass']);
  expect(outcomes({ eventLoopDelay_ms: delay(11), cpuShare: 0.95, startDelay_ms: delay(1.1) })).toEqual([
    'generator:event_loop fail',
    'generator:cpu fail',
    'generator:schedule fail',
  ]);
  expect(generatorVerdicts({ ...audit, startDelay_ms: null })).toHaveLength(2);
});
