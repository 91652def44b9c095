import { type Static, Type } from 'typebox';
import { OrAbsent, ThermalReading, TimedThermalReading } from './probe.js';

const strict = { additionalProperties: false } as const;

export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** Settings are flat and printable, so that two runs can be compared field by field. */
export const Settings = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]));
export type Settings = Static<typeof Settings>;

export const ModelIdentity = Type.Object(
  {
    name: Type.String({ pattern: '^[^/\\\\]+$', description: 'File or catalogue name, never a path.' }),
    sha256: Sha256,
    bytes: Type.Integer({ minimum: 0 }),
    precision: Type.String({ description: 'Of the weights, as the file names it.' }),
  },
  strict,
);
export type ModelIdentity = Static<typeof ModelIdentity>;

export const DatasetIdentity = Type.Object({ name: Type.String(), sha256: Sha256, items: Type.Integer({ minimum: 0 }) }, strict);

/** The machine and the software a run was made on. */
export const Environment = Type.Object(
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
    device: Type.Optional(Type.String({ description: "What the model computed on, in its maker's words; absent: the processor." })),
    os: Type.String(),
    kernel: Type.String(),
    node: Type.String(),
    edgevlm: OrAbsent(Type.String()),
    commit: OrAbsent(Type.String({ pattern: '^[0-9a-f]{40}(-dirty)?$' })),
  },
  strict,
);
export type Environment = Static<typeof Environment>;

export const Samples = Type.Object(
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

/** Samples by which answers of two runs are compared and cannot be read; of answers, so they leave the machine only with these. */
export const ANSWER_FINGERPRINT = 'answer_fingerprint';

export const ThermalLedger = Type.Object(
  {
    before: ThermalReading,
    after: ThermalReading,
    during: Type.Array(TimedThermalReading, { description: 'While samples were taken; empty where nobody looked.' }),
  },
  strict,
);
/** How hot and how fast the processor was, and who said how fast it should be. */
export type ThermalLedger = Static<typeof ThermalLedger>;

const Delay = Type.Object({ p50: Type.Number(), p99: Type.Number(), max: Type.Number() }, strict);

export const GeneratorAudit = Type.Object(
  {
    duration_ms: Type.Number({ minimum: 0 }),
    eventLoopDelay_ms: Delay,
    cpuShare: Type.Number({ minimum: 0, description: 'User and system time of the measuring process / duration: 1 is one core.' }),
    startDelay_ms: OrAbsent(Delay),
    starts: Type.Integer({ minimum: 0, description: 'How many starts were scheduled.' }),
  },
  { ...strict, description: 'What the process that made the load, and took the times, did to them itself.' },
);
export type GeneratorAudit = Static<typeof GeneratorAudit>;

export const PlanCell = Type.Object(
  { plan: Type.String({ minLength: 1 }), key: Sha256, round: Type.Integer({ minimum: 1 }) },
  { ...strict, description: 'The cell of a plan that this is the result of.' },
);

export const Score = Type.Object(
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

export const Verdict = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    outcome: Type.Enum(['pass', 'fail', 'inconclusive']),
    detail: Type.String({ description: 'The figures behind the outcome, in words.' }),
  },
  strict,
);
export type Verdict = Static<typeof Verdict>;
