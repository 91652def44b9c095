import { randomBytes } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Clock, systemClock } from './clock.js';
import { EdgeVlmError } from './errors.js';
import { MemoryReading, OrAbsent, ThermalReading } from './probe.js';
import { SampleSummary, summarise } from './sample-summary.js';

const strict = { additionalProperties: false } as const;
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** Settings are flat and printable, so that two runs can be compared field by field. */
const Settings = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]));

const ModelIdentity = Type.Object(
  {
    name: Type.String({ pattern: '^[^/\\\\]+$', description: 'File or catalogue name, never a path.' }),
    sha256: Sha256,
    bytes: Type.Integer({ minimum: 0 }),
    precision: Type.String({ description: 'Of the weights, as the file names it.' }),
  },
  strict,
);
export type ModelIdentity = Static<typeof ModelIdentity>;

const DatasetIdentity = Type.Object({ name: Type.String(), sha256: Sha256, items: Type.Integer({ minimum: 0 }) }, strict);

/** The machine and the software a run was made on. */
const Environment = Type.Object(
  {
    cpu: Type.Object(
      {
        model: OrAbsent(Type.String()),
        architecture: Type.String(),
        logicalCores: Type.Integer({ minimum: 1 }),
        physicalCores: OrAbsent(Type.Integer({ minimum: 1 })),
        flags: Type.Array(Type.String(), { description: 'The instruction sets that matter to inference kernels.' }),
        governor: OrAbsent(Type.String()),
      },
      strict,
    ),
    memory_bytes: Type.Integer({ minimum: 0 }),
    os: Type.String(),
    kernel: Type.String(),
    node: Type.String(),
    edgevlm: OrAbsent(Type.String()),
    commit: OrAbsent(Type.String({ pattern: '^[0-9a-f]{40}(-dirty)?$' })),
  },
  strict,
);
export type Environment = Static<typeof Environment>;

const Samples = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    unit: Type.String({ minLength: 1 }),
    values: Type.Array(Type.Number(), { minItems: 1, description: 'In the order they were taken, warm-up excluded.' }),
    warmup: Type.Optional(Type.Array(Type.Number())),
    over: Type.Optional(
      Type.Enum(['repetitions', 'items'], {
        description: 'What the values are of: the same thing again (default), or items of the data set, whose scatter is no noise.',
      }),
    ),
  },
  strict,
);
export type Samples = Static<typeof Samples>;

const Score = Type.Object(
  {
    name: Type.String({ minLength: 1, description: 'As in the JSON of the command, levels joined by dots: caption.object_f1.' }),
    unit: Type.String({ minLength: 1 }),
    value: Type.Number(),
    n: Type.Integer({ minimum: 1, description: 'Independent items it was computed over: pictures, albums.' }),
    interval: OrAbsent(
      Type.Object(
        { low: Type.Number(), high: Type.Number(), level: Type.Number({ description: 'Confidence, a fraction: 0.95.' }) },
        { ...strict, description: 'Percentile bootstrap over the items.' },
      ),
    ),
  },
  strict,
);
/** How good something was, with the interval that says how sure that is. */
export type Score = Static<typeof Score>;

const Verdict = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    outcome: Type.Enum(['pass', 'fail', 'inconclusive']),
    detail: Type.String({ description: 'The figures behind the outcome, in words.' }),
  },
  strict,
);
export type Verdict = Static<typeof Verdict>;

/** Everything one measurement left behind: enough to repeat it, to recompute its summary and to judge it. */
export const RunRecord = Type.Object(
  {
    schemaVersion: Type.Literal(1),
    id: Type.String({ pattern: '^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$' }),
    createdAt: Type.String({ description: 'ISO 8601, UTC.' }),
    command: Type.String({ minLength: 1 }),
    settings: Type.Object({ requested: Settings, effective: Settings }, strict),
    seeds: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), { description: 'One per random dimension.' }),
    models: Type.Record(Type.String(), ModelIdentity, { description: 'By role: model, mmproj, draft.' }),
    dataset: OrAbsent(DatasetIdentity),
    environment: Environment,
    thermal: Type.Object({ before: ThermalReading, after: ThermalReading }, strict),
    memory: Type.Record(Type.String(), MemoryReading, { description: 'By moment: loaded, steady, after.' }),
    samples: Type.Array(Samples),
    summary: Type.Record(Type.String(), SampleSummary, { description: 'By sample name; recomputable from `samples`.' }),
    scores: Type.Optional(Type.Array(Score, { description: 'How good the answers were; absent where only time or memory was measured.' })),
    verdicts: Type.Array(Verdict),
    notes: Type.Array(Type.String(), { description: 'Warnings and limits the reader must know.' }),
  },
  { ...strict, title: 'RunRecord', description: 'One measurement made by EdgeVLM.' },
);
export type RunRecord = Static<typeof RunRecord>;

/** What a measurement hands in; the rest of the record follows from it. */
export type Measurement = Omit<RunRecord, 'schemaVersion' | 'id' | 'createdAt' | 'summary'>;

/**
 * Completes a measurement to a record: id, time, and a summary of every list of samples. Repetitions that scatter by more than
 * 20% add a verdict `noise:<name>`, so that nobody reads their mean as a result. Throws INTERNAL when a part does not fit the schema.
 */
export function createRunRecord(measurement: Measurement, clock: Clock = systemClock): RunRecord {
  const createdAt = clock.wallTime();
  const summary = Object.fromEntries(
    measurement.samples.map(({ name, values, over }) => [name, { ...summarise(values), ...(over === 'items' && { noise: null }) }]),
  );
  const noisy = Object.entries(summary).filter(([, { noise }]) => noise === 'too noisy');
  const record: RunRecord = {
    schemaVersion: 1,
    id: `${createdAt.slice(0, 19).replace(/[-:]/g, '')}Z-${randomBytes(4).toString('hex')}`,
    createdAt,
    ...measurement,
    summary,
    verdicts: [
      ...measurement.verdicts,
      ...noisy.map(([name, { cv, n }]) => ({
        name: `noise:${name}`,
        outcome: 'inconclusive' as const,
        detail: `coefficient of variation ${((cv ?? 0) * 100).toFixed(1)}% over ${n} samples: too noisy to compare`,
      })),
    ],
  };
  return checkRunRecord(record, 'INTERNAL', 'the run record just made');
}

/** Reads a record that was stored or sent. Throws FILE_UNREADABLE, naming the first field that does not fit. */
export function parseRunRecord(json: string, source: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNREADABLE', `${source} is not JSON`, { cause });
  }
  return checkRunRecord(value, 'FILE_UNREADABLE', source);
}

function checkRunRecord(value: unknown, code: 'INTERNAL' | 'FILE_UNREADABLE', source: string): RunRecord {
  if (Value.Check(RunRecord, value)) return value;
  const error = Value.Errors(RunRecord, value)[0];
  throw new EdgeVlmError(code, `${source} is not a run record: ${error?.instancePath ?? ''} ${error?.message ?? 'does not fit'}`);
}
