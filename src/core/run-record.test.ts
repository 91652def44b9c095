import { expect, test } from 'vitest';
import { createRunRecord, type Measurement, parseRunRecord } from './run-record.js';

const absent = { frequency_mhz: null, temperature_celsius: null, throttleEvents: null };
const clock = { now_ms: () => 0, wallTime: () => '2030-01-02T03:04:05.678Z' };

const measurement: Measurement = {
  command: 'edgevlm bench engine',
  settings: { requested: { threads: null, vs: 'libllama' }, effective: { threads: 2, vs: 'libllama' } },
  seeds: { prompt: 7 },
  models: { model: { name: 'tiny.gguf', sha256: 'a'.repeat(64), bytes: 12, precision: 'Q4_0' } },
  dataset: null,
  environment: {
    cpu: { model: null, architecture: 'x64', logicalCores: 2, physicalCores: null, flags: ['avx2'], governor: null },
    memory_bytes: 1024,
    os: 'linux',
    kernel: '6.1',
    node: 'v20.19.0',
    edgevlm: '0.1.0',
    commit: null,
  },
  thermal: { before: absent, after: absent },
  memory: { steady: { rss_bytes: 5, peakRss_bytes: 6, pss_bytes: null, rssAnon_bytes: null, swap_bytes: null } },
  samples: [
    { name: 'decode', unit: 'tok/s', values: [10, 10.1, 9.9], warmup: [3] },
    { name: 'load', unit: 'ms', values: [10, 30] },
  ],
  verdicts: [],
  notes: [],
};

test('a record is the measurement plus identity, summary of each sample list, and a verdict on noise', () => {
  const record = createRunRecord(measurement, clock);
  expect(record.id).toMatch(/^20300102T030405Z-[0-9a-f]{8}$/);
  expect(record.createdAt).toBe(clock.wallTime());
  expect(record.samples).toEqual(measurement.samples);
  expect(record.summary['decode']).toMatchObject({ n: 3, median: 10, noise: 'quiet' });
  expect(record.verdicts).toEqual([
    { name: 'noise:load', outcome: 'inconclusive', detail: 'coefficient of variation 70.7% over 2 samples: too noisy to compare' },
  ]);
});

test('items differ by their nature: their scatter is no noise', () => {
  const { summary, verdicts } = createRunRecord(
    { ...measurement, samples: [{ name: 'right', unit: 'count', values: [0, 9], over: 'items' }] },
    clock,
  );
  expect(summary['right']).toMatchObject({ n: 2, mean: 4.5, noise: null });
  expect(verdicts).toEqual([]);
});

test('a record keeps scores with their intervals, and one from before there were scores is still read', () => {
  const interval = { low: 0.9, high: 0.99, level: 0.95 };
  const scores = [
    { name: 'caption.object_f1', unit: 'fraction', value: 0.95, n: 1000, interval },
    { name: 'chance.vqa.accuracy', unit: 'fraction', value: 0.2, n: 1000, interval: null },
  ];
  const record = createRunRecord({ ...measurement, scores }, clock);
  expect(parseRunRecord(JSON.stringify(record), 'run.json').scores).toEqual(scores);
  const older = createRunRecord(measurement, clock);
  expect('scores' in older).toBe(false);
  expect(parseRunRecord(JSON.stringify(older), 'older.json')).toEqual(older);
  expect(() => createRunRecord({ ...measurement, scores: [{ ...scores[0], value: NaN } as (typeof scores)[0]] }, clock)).toThrow(/scores/);
});

test('two records made in one second have different ids', () => {
  expect(createRunRecord(measurement, clock).id).not.toBe(createRunRecord(measurement, clock).id);
});

test('a record survives JSON', () => {
  const record = createRunRecord(measurement, clock);
  expect(parseRunRecord(JSON.stringify(record), 'run.json')).toEqual(record);
});

test('a model is named, never located by its path', () => {
  const model = { name: '/home/ada/tiny.gguf', sha256: 'a'.repeat(64), bytes: 12, precision: 'Q4_0' };
  expect(() => createRunRecord({ ...measurement, models: { model } }, clock)).toThrow(/models\/model\/name/);
});

test.each([
  ['not JSON', '{'],
  ['another shape', '{"schemaVersion":1}'],
  ['another version', JSON.stringify({ ...createRunRecord(measurement, clock), schemaVersion: 3 })],
  ['an unknown field', JSON.stringify({ ...createRunRecord(measurement, clock), extra: 1 })],
])('a stored record that is %s is refused with its name', (_, json) => {
  expect(() => parseRunRecord(json, 'run.json')).toThrow(
    expect.objectContaining({ code: 'FILE_UNREADABLE', message: expect.stringContaining('run.json') as string }),
  );
});

/** A copy without the fields of these names, wherever they are. */
const without = (value: unknown, names: readonly string[]): unknown =>
  JSON.parse(JSON.stringify(value), (name, part: unknown) => (names.includes(name) ? undefined : part));

test('a record of version 1 is read as one of version 2: what it lacks follows from the rest', () => {
  const now = createRunRecord(measurement, clock);
  const first = { ...(without(now, ['environmentSha256', 'during', 'outliers']) as object), schemaVersion: 1 };
  expect(parseRunRecord(JSON.stringify(first), 'first.json')).toEqual(now);
  expect(() => parseRunRecord(JSON.stringify({ ...first, extra: 1 }), 'first.json')).toThrow(/first\.json/);
  expect(() => parseRunRecord(JSON.stringify({ ...first, samples: [{ name: 'a', unit: 'ms', values: [] }] }), 'first.json')).toThrow(
    /first\.json/,
  );
});

test('the hash of the environment tells machines and software apart', () => {
  const { environment } = measurement;
  const hash = (kernel: string): string =>
    createRunRecord({ ...measurement, environment: { ...environment, kernel } }, clock).environmentSha256;
  expect(hash('6.1')).toBe(hash('6.1'));
  expect(hash('6.1')).not.toBe(hash('6.2'));
});

test('settings have the spelling of configs, in new records and in those of earlier versions', () => {
  const requested = { maxTokens: 9, MAX_NEW_TOKENS_FOR_TTFT: 2, timeout_ms: 5, exitLayers: '2,4' };
  const spelled = { max_tokens: 9, MAX_NEW_TOKENS_FOR_TTFT: 2, timeout_ms: 5, exit_layers: '2,4' };
  const record = createRunRecord({ ...measurement, settings: { requested, effective: requested } }, clock);
  expect(record.settings).toEqual({ requested: spelled, effective: spelled });
  const stored = JSON.stringify({ ...record, settings: { requested, effective: requested } });
  expect(parseRunRecord(stored, 'stored')).toEqual(record);
});
