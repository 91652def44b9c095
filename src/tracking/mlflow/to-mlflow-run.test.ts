import { expect, it } from 'vitest';
import { sampleRecord } from '../../../test/tracking/support/sample-record.js';
import { parseRunRecord } from '../../core/run-record.js';
import { parseMlflowRun } from './mlflow-run.js';
import { toMlflowRun } from './to-mlflow-run.js';

const record = sampleRecord(3);
const run = toMlflowRun(record, { server: new URL('http://mlflow.example/'), experiment: 'e', send: new Set() });
const params = new Map(run.params.map(({ key, value }) => [key, value]));
const metric = (key: string): number[] => run.metrics.filter((point) => point.key === key).map(({ value }) => value);

it('has the params of the seed document', () => {
  expect([...params].slice(0, 5)).toEqual([
    ['model_name', 'shapes-q8_0.gguf'],
    ['device', 'cpu'],
    ['quantization', 'int8'],
    ['num_samples', '3'],
    ['image_dir', `sha256:${'b'.repeat(16)}`],
  ]);
});

it('has the metrics of the seed document, in their units, and no memory where no device has any', () => {
  expect(metric('load_time_seconds')).toEqual([2]);
  expect(metric('inference_latency_ms')).toEqual([(100 + 100.125 + 100.25) / 3]);
  expect(metric('tokens_per_second')).toEqual([25]);
  expect(metric('memory_mb')).toEqual([]);
  const device_memory = { name: 'device_memory', unit: 'bytes', values: [2e9] };
  const other = toMlflowRun(sampleRecord(3, { samples: [device_memory] }), {
    server: new URL(run.server),
    experiment: 'e',
    send: new Set(),
  });
  expect(other.metrics.find(({ key }) => key === 'memory_mb')?.value).toBe(2000);
});

it('has every sample at its step, the summary, scores with intervals, memory and heat', () => {
  expect(run.metrics.filter(({ key }) => key === 'samples/latency')).toEqual(
    [100, 100.125, 100.25].map((value, step) => ({ key: 'samples/latency', value, step, timestamp: Date.parse(record.createdAt) })),
  );
  expect(metric('warmup/latency')).toEqual([300]);
  expect(metric('summary/latency.median')).toEqual([100.125]);
  expect(metric('summary/latency.p99')).toEqual([100.25]);
  expect(['', '.low', '.high'].map((end) => metric(`scores/caption.object_f1${end}`))).toEqual([[0.9], [0.8], [0.95]]);
  expect(metric('memory/engine/loaded.rss_bytes')).toEqual([5]);
  expect(metric('thermal/after.temperature_celsius')).toEqual([61]);
  const identities = run.metrics.map(({ key, step, timestamp }) => `${key} ${step} ${timestamp}`);
  expect(new Set(identities).size).toBe(identities.length);
});

it('has what was used, the readings in between, and what the measuring process did', () => {
  const delay = { p50: 0, p99: 1.5, max: 2 };
  const reading = { frequency_mhz: null, temperature_celsius: 50, throttleEvents: 0, governor: null };
  const thermal = {
    ...record.thermal,
    during: [0, 1000].map((time_ms) => ({ ...reading, time_ms, temperature_celsius: 50 + time_ms / 1000 })),
  };
  const generator = { duration_ms: 10, eventLoopDelay_ms: delay, cpuShare: 0.1, startDelay_ms: null, starts: 0 };
  const { metrics } = toMlflowRun({ ...record, thermal, generator }, { server: new URL(run.server), experiment: 'e', send: new Set() });
  const of = (key: string): number[] => metrics.filter((point) => point.key === key).map(({ value }) => value);
  expect(of('thermal/during.temperature_celsius')).toEqual([50, 51]);
  expect(of('thermal/during.frequency_mhz')).toEqual([]);
  expect(of('generator/eventLoopDelay_ms.p99')).toEqual([1.5]);
  expect(of('generator/starts')).toEqual([0]);
});

it('brings the whole record along as benchmark_results.json', () => {
  expect(run.artifacts.map(({ path }) => path)).toEqual(['benchmark_results.json']);
  const sent = parseRunRecord(run.artifacts[0]?.text ?? '', 'artifact');
  expect(sent.samples).toEqual(record.samples);
  expect(sent.summary).toEqual(record.summary);
});

it('is the same each time, and survives the spool', () => {
  expect(toMlflowRun(record, { server: new URL(run.server), experiment: 'e', send: new Set() })).toEqual(run);
  expect(parseMlflowRun(JSON.stringify(run), 'spool')).toEqual(run);
  expect(() => parseMlflowRun('{"version":2}', 'x.run.json')).toThrow(/x\.run\.json/);
});
