import type { RunRecord, Samples } from '../../core/run-record.js';
import { fitToLimits } from './fit-to-limits.js';
import type { KeyValue, Metric, MlflowRun } from './mlflow-run.js';
import { NOT_SENT, type Withheld, withhold } from './withhold.js';

/** Where a record goes, and how much of it. */
export interface LogOptions {
  /** The tracking server, without credentials. */
  readonly server: URL;
  readonly experiment: string;
  /** What is sent beyond figures, hashes and terms. */
  readonly send: ReadonlySet<Withheld>;
  /** The plan whose cell this is: its run becomes the parent of this one. */
  readonly plan?: { readonly key: string; readonly name: string };
  /** Default FINISHED. */
  readonly status?: MlflowRun['status'];
}

export const DEFAULT_EXPERIMENT = 'mobile_vlm_benchmark';
const ARTIFACT = 'benchmark_results.json';

/** The whole mapping from a run record to a run of MLflow; docs/TRACKING.md has it as a table. Deterministic: what is sent twice is equal. */
export function toMlflowRun(whole: RunRecord, { server, experiment, send, plan, status = 'FINISHED' }: LogOptions): MlflowRun {
  const { record, withheld } = withhold(whole, send);
  const time = Date.parse(record.createdAt);
  const point = (key: string, value: number, step = 0): Metric => ({ key, value, timestamp: time, step });
  const { params, tags, metrics, changes } = fitToLimits({
    params: paramsOf(record),
    tags: [
      ...tagsOf(record),
      { key: 'edgevlm.not_sent', value: withheld.join(', ') || 'nothing' },
      ...(plan === undefined ? [] : [{ key: 'edgevlm.plan', value: plan.key }]),
    ],
    metrics: metricsOf(record).flatMap(({ key, values }) => values.map((value, step) => point(key, value, step))),
  });
  return {
    version: 1,
    key: record.id,
    server: server.href,
    experiment,
    name: [modelName(record), record.command.replace(/ /g, '-'), record.id]
      .filter((part) => part !== undefined)
      .join(' ')
      .slice(0, 200),
    parent: plan ?? null,
    status,
    startTime: time,
    endTime: time,
    params,
    tags,
    metrics,
    artifacts: [{ path: ARTIFACT, text: `${JSON.stringify(record, null, 2)}\n` }],
    changes,
  };
}

/** The run that holds a plan's runs together; sent when the plan has ended. */
export function planToMlflowRun(
  plan: { readonly key: string; readonly name: string; readonly startTime_ms: number; readonly endTime_ms: number },
  { server, experiment, status = 'FINISHED' }: Pick<LogOptions, 'server' | 'experiment' | 'status'>,
): MlflowRun {
  const { key, name, startTime_ms, endTime_ms } = plan;
  const empty = { params: [], tags: [], metrics: [], artifacts: [], changes: [] };
  return {
    version: 1,
    key,
    server: server.href,
    experiment,
    name,
    parent: null,
    status,
    startTime: startTime_ms,
    endTime: endTime_ms,
    ...empty,
  };
}

type Setting = RunRecord['settings']['effective'][string];

function paramsOf(record: RunRecord): KeyValue[] {
  const { settings, seeds, models, dataset } = record;
  const setting = (...names: string[]): Setting => names.map((name) => settings.effective[name]).find(isKnown) ?? null;
  const rows: [key: string, value: Setting | undefined][] = [
    // The names of the seed document; image_dir is told by its content where its name is not sent.
    ['model_name', modelName(record)],
    ['device', setting('device')],
    ['quantization', setting('quantization') ?? models['model']?.precision],
    ['num_samples', setting('num_samples', 'samples', 'count') ?? dataset?.items],
    ['image_dir', setting('image_dir') ?? (dataset && `sha256:${dataset.sha256.slice(0, 16)}`)],
    ...Object.entries(settings.effective).map(([name, value]) => [`settings.${name}`, value] satisfies [string, Setting]),
    ...Object.entries(settings.requested)
      .filter(([name, value]) => value !== settings.effective[name])
      .map(([name, value]) => [`requested.${name}`, value] satisfies [string, Setting]),
    ...Object.entries(seeds).map(([name, value]) => [`seed.${name}`, value] satisfies [string, Setting]),
    ...Object.entries(models).flatMap(([role, identity]) =>
      Object.entries(identity).map(([field, value]) => [`model.${role}.${field}`, value] satisfies [string, Setting]),
    ),
    ...Object.entries(dataset ?? {}).map(([field, value]) => [`dataset.${field}`, value] satisfies [string, Setting]),
  ];
  // What was held back is no param: a param can never be changed, and the names may be sent another time.
  return rows.flatMap(([key, value]) => (isKnown(value) ? [{ key, value: String(value) }] : []));
}

function isKnown(value: Setting | undefined): value is string | number | boolean {
  return value !== undefined && value !== null && value !== NOT_SENT;
}

function modelName({ settings: { effective }, models }: RunRecord): string | undefined {
  const named = [effective['model_name'], effective['model']].find((name) => typeof name === 'string' && isKnown(name));
  return typeof named === 'string' ? named : (models['model'] ?? Object.values(models)[0])?.name;
}

function tagsOf({ command, createdAt, environment, verdicts }: RunRecord): KeyValue[] {
  const { cpu, ...rest } = environment;
  const rows: [string, unknown][] = [
    ['mlflow.source.name', `edgevlm ${command}`],
    ['mlflow.source.type', 'LOCAL'],
    ['edgevlm.command', command],
    ['edgevlm.createdAt', createdAt],
    ...Object.entries(cpu).map(
      ([field, value]) => [`environment.cpu.${field}`, Array.isArray(value) ? value.join(' ') : value] satisfies [string, unknown],
    ),
    ...Object.entries(rest).map(([field, value]) => [`environment.${field}`, value] satisfies [string, unknown]),
    ...verdicts.map(({ name, outcome }) => [`verdict.${name.replace(/:/g, '.')}`, outcome] satisfies [string, unknown]),
  ];
  const tags = new Map(rows.filter(([, value]) => value !== null).map(([key, value]) => [key, String(value)]));
  return [...tags].map(([key, value]) => ({ key, value }));
}

/** One metric: one value, or one a step. */
interface MetricValues {
  readonly key: string;
  readonly values: readonly number[];
}

function metricsOf({ samples, summary, scores = [], memory, thermal, resources, generator }: RunRecord): MetricValues[] {
  const one = (key: string, value: number | null): MetricValues[] => (value === null ? [] : [{ key, values: [value] }]);
  const fields = (prefix: string, reading: object): MetricValues[] =>
    Object.entries(reading).flatMap(([field, value]) => (typeof value === 'number' ? one(`${prefix}.${field}`, value) : []));
  const metrics = [
    ...seedMetrics(samples, summary),
    ...Object.entries(summary).flatMap(([name, { percentiles, ...statistics }]) => [
      ...fields(`summary/${name}`, statistics),
      ...percentiles.flatMap(({ p, value }) => one(`summary/${name}.p${Number((100 * p).toFixed(3))}`, value)),
    ]),
    ...scores.flatMap(({ name, value, interval }) => [
      ...one(`scores/${name}`, value),
      ...(interval === null ? [] : [...one(`scores/${name}.low`, interval.low), ...one(`scores/${name}.high`, interval.high)]),
    ]),
    ...Object.entries(memory).flatMap(([moment, reading]) => fields(`memory/${moment.replace(/:/g, '/')}`, reading)),
    ...fields('thermal/before', thermal.before),
    ...fields('thermal/after', thermal.after),
    ...(['time_ms', 'frequency_mhz', 'temperature_celsius', 'throttleEvents'] as const).flatMap((field) => {
      const values = thermal.during.flatMap((reading) => reading[field] ?? []);
      return values.length === 0 ? [] : [{ key: `thermal/during.${field}`, values }];
    }),
    ...nested('resources', resources ?? {}),
    ...nested('generator', generator ?? {}),
    ...samples.flatMap(({ name, values, warmup }) => [
      { key: `samples/${name}`, values },
      ...(warmup === undefined ? [] : [{ key: `warmup/${name}`, values: warmup }]),
    ]),
  ];
  // Two lists of one name would share step and time.
  return [...new Map(metrics.toReversed().map((metric) => [metric.key, metric])).values()].toReversed();
}

/** Every number of an object and of those within; lists of cards, and curves over time, are in the artifact. */
function nested(prefix: string, fields: object): MetricValues[] {
  const metrics = (path: string, value: unknown): MetricValues[] => {
    if (typeof value === 'number') return [{ key: path, values: [value] }];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
    return Object.entries(value).flatMap(([field, inner]) => metrics(`${path}.${field}`, inner));
  };
  return Object.entries(fields).flatMap(([field, value]) => metrics(`${prefix}/${field}`, value));
}

/** Metrics of the seed document: the mean of the samples of one of these names, in the unit of the metric's own name. */
const SEED_METRICS: readonly { key: string; unit: string; names: readonly string[] }[] = [
  { key: 'load_time_seconds', unit: 's', names: ['load_ms', 'load_time', 'load'] },
  { key: 'inference_latency_ms', unit: 'ms', names: ['latency_ms', 'inference_latency', 'latency'] },
  { key: 'memory_mb', unit: 'MB', names: ['device_memory', 'memory'] },
  { key: 'tokens_per_second', unit: 'tok/s', names: ['generation_speed'] },
];
/** One of a unit in units of its kind's base. */
const UNITS: Readonly<Record<string, readonly [kind: string, factor: number]>> = {
  s: ['time', 1],
  ms: ['time', 1e-3],
  µs: ['time', 1e-6],
  bytes: ['size', 1],
  MB: ['size', 1e6],
  MiB: ['size', 1024 ** 2],
  'tok/s': ['speed', 1],
  'tokens/s': ['speed', 1],
};

function seedMetrics(samples: readonly Samples[], summary: RunRecord['summary']): MetricValues[] {
  return SEED_METRICS.flatMap(({ key, unit, names }) => {
    const list = [key, ...names].map((name) => samples.find((sample) => sample.name === name)).find((sample) => sample !== undefined);
    const mean = list && summary[list.name]?.mean;
    const [kind, factor] = UNITS[list?.unit ?? ''] ?? [];
    const [wantedKind, wanted = 1] = UNITS[unit] ?? [];
    return mean === undefined || factor === undefined || kind !== wantedKind ? [] : [{ key, values: [(mean * factor) / wanted] }];
  });
}
