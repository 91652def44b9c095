import { randomBytes } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { sha256Json } from './canonical-json.js';
import { type Clock, systemClock } from './clock.js';
import { EdgeVlmError } from './errors.js';
import { MemoryReading, OrAbsent, ResourceUse, ThermalReading } from './probe.js';
import {
  DatasetIdentity,
  Environment,
  GeneratorAudit,
  ModelIdentity,
  PlanCell,
  Samples,
  Score,
  Settings,
  Sha256,
  ThermalLedger,
  Verdict,
} from './record-parts.js';
import { generatorVerdicts, sampleVerdicts, thermalVerdicts } from './record-verdicts.js';
import { SampleSummary, summarise } from './sample-summary.js';

export type { Environment, GeneratorAudit, ModelIdentity, Samples, Score, Settings, ThermalLedger, Verdict } from './record-parts.js';

const strict = { additionalProperties: false } as const;

/** Everything one measurement left behind: enough to repeat it, to recompute its summary and to judge it. */
export const RunRecord = Type.Object(
  {
    schemaVersion: Type.Literal(2),
    id: Type.String({ pattern: '^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$' }),
    createdAt: Type.String({ description: 'ISO 8601, UTC.' }),
    command: Type.String({ minLength: 1 }),
    settings: Type.Object({ requested: Settings, effective: Settings }, strict),
    seeds: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), { description: 'One per random dimension.' }),
    models: Type.Record(Type.String(), ModelIdentity, { description: 'By role: model, mmproj, draft.' }),
    dataset: OrAbsent(DatasetIdentity),
    environment: Environment,
    environmentSha256: Sha256,
    cell: Type.Optional(PlanCell),
    thermal: ThermalLedger,
    memory: Type.Record(Type.String(), MemoryReading, { description: 'By moment: loaded, steady, after.' }),
    resources: Type.Optional(ResourceUse),
    generator: Type.Optional(GeneratorAudit),
    samples: Type.Array(Samples),
    summary: Type.Record(Type.String(), SampleSummary, { description: 'By sample name; recomputable from `samples`.' }),
    scores: Type.Optional(Type.Array(Score, { description: 'How good the answers were; absent where only time or memory was measured.' })),
    verdicts: Type.Array(Verdict),
    notes: Type.Array(Type.String(), { description: 'Warnings and limits the reader must know.' }),
  },
  { ...strict, title: 'RunRecord', description: 'One measurement made by EdgeVLM.' },
);
export type RunRecord = Static<typeof RunRecord>;

/** As much of version 1 as its upgrade reads; the rest is checked when it has become version 2. */
const FirstVersion = Type.Object({
  schemaVersion: Type.Literal(1),
  environment: Environment,
  thermal: Type.Object({ before: ThermalReading, after: ThermalReading }, strict),
  samples: Type.Array(Samples),
});

const WithSettings = Type.Object({ settings: Type.Object({ requested: Settings, effective: Settings }, strict) });

/** What a measurement hands in; the rest of the record follows from it. */
export type Measurement = Omit<RunRecord, 'schemaVersion' | 'id' | 'createdAt' | 'environmentSha256' | 'summary' | 'thermal'> & {
  readonly thermal: Omit<ThermalLedger, 'during'> & Partial<Pick<ThermalLedger, 'during'>>;
};

/**
 * Completes a measurement to a record: id, time, hash of the environment, a summary of every list of samples, and after the verdicts
 * that were handed in those that follow from the figures: `noise:`, `drift:`, `outliers:` and `percentile:<samples>`, `thermal:` and
 * `generator:…` (docs/PLANS.md). Throws INTERNAL when a part does not fit the schema.
 */
export function createRunRecord(measurement: Measurement, clock: Clock = systemClock): RunRecord {
  const createdAt = clock.wallTime();
  const { samples, environment, generator, settings } = measurement;
  const thermal: ThermalLedger = { during: [], ...measurement.thermal };
  const summary = summariesOf(samples);
  const record: RunRecord = {
    schemaVersion: 2,
    id: `${createdAt.slice(0, 19).replace(/[-:]/g, '')}Z-${randomBytes(4).toString('hex')}`,
    createdAt,
    ...measurement,
    settings: { requested: snakeCased(settings.requested), effective: snakeCased(settings.effective) },
    environmentSha256: sha256Json(environment),
    thermal,
    summary,
    verdicts: [
      ...measurement.verdicts,
      ...samples.flatMap((list) => sampleVerdicts(list, summary[list.name] ?? summarise(list.values))),
      ...thermalVerdicts(thermal),
      ...(generator === undefined ? [] : generatorVerdicts(generator)),
    ],
  };
  return checkRunRecord(record, 'INTERNAL', 'the run record just made');
}

/** Settings are called as in configs and in the API: `max_tokens`, whoever handed in `maxTokens`. */
function snakeCased(settings: Settings): Settings {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  );
}

function summariesOf(samples: readonly Samples[]): RunRecord['summary'] {
  return Object.fromEntries(
    samples.map(({ name, values, over }) => [name, { ...summarise(values), ...(over === 'items' && { noise: null }) }]),
  );
}

/** Reads a record that was stored or sent, of this version or an earlier one. Throws FILE_UNREADABLE, naming the first field that does not fit. */
export function parseRunRecord(json: string, source: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNREADABLE', `${source} is not JSON`, { cause });
  }
  return checkRunRecord(upgraded(value), 'FILE_UNREADABLE', source);
}

/** Earlier records called settings as the code does; see `snakeCased`. */
function upgraded(value: unknown): unknown {
  if (!Value.Check(WithSettings, value)) return value;
  const { requested, effective } = value.settings;
  return fromFirst({ ...value, settings: { requested: snakeCased(requested), effective: snakeCased(effective) } });
}

/** Version 1 had no readings between the first and the last, no hash of the environment and no count of outliers; its verdicts stay as they were. */
function fromFirst(value: unknown): unknown {
  if (!Value.Check(FirstVersion, value)) return value;
  return {
    ...value,
    schemaVersion: 2,
    environmentSha256: sha256Json(value.environment),
    thermal: { ...value.thermal, during: [] },
    summary: summariesOf(value.samples),
  };
}

function checkRunRecord(value: unknown, code: 'INTERNAL' | 'FILE_UNREADABLE', source: string): RunRecord {
  if (Value.Check(RunRecord, value)) return value;
  const error = Value.Errors(RunRecord, value)[0];
  throw new EdgeVlmError(code, `${source} is not a run record: ${error?.instancePath ?? ''} ${error?.message ?? 'does not fit'}`);
}
