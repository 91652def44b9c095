import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';

const strict = { additionalProperties: false } as const;

const KeyValue = Type.Object({ key: Type.String(), value: Type.String() }, strict);
export type KeyValue = Static<typeof KeyValue>;

const Metric = Type.Object(
  {
    key: Type.String(),
    value: Type.Number(),
    timestamp: Type.Integer({ description: 'Milliseconds since 1970.' }),
    step: Type.Integer({ minimum: 0 }),
  },
  strict,
);
export type Metric = Static<typeof Metric>;

/** Names a run for good: a second one with the same key is never made. */
const Key = Type.String({ pattern: '^[A-Za-z0-9][\\w.-]{0,127}$' });

/** Everything that is sent about one run, as it waits in the spool. Nothing else leaves the machine. */
export const MlflowRun = Type.Object(
  {
    version: Type.Literal(1),
    key: Key,
    server: Type.String({ description: 'The tracking server it was meant for, without credentials.' }),
    experiment: Type.String({ minLength: 1, maxLength: 500 }),
    name: Type.String({ minLength: 1 }),
    parent: Type.Union([Type.Object({ key: Key, name: Type.String({ minLength: 1 }) }, strict), Type.Null()], {
      description: 'The run it is a child of: the plan of a cell.',
    }),
    status: Type.Enum(['FINISHED', 'FAILED', 'KILLED']),
    startTime: Type.Integer({ description: 'Milliseconds since 1970.' }),
    endTime: Type.Integer(),
    params: Type.Array(KeyValue),
    tags: Type.Array(KeyValue),
    metrics: Type.Array(Metric, { description: 'No two with the same key, step and timestamp: by these a repetition is known.' }),
    artifacts: Type.Array(Type.Object({ path: Type.String({ pattern: '^[\\w.-]+(/[\\w.-]+)*$' }), text: Type.String() }, strict)),
    changes: Type.Array(Type.String(), { description: "What was shortened or renamed to fit MLflow's limits, in words." }),
  },
  strict,
);
export type MlflowRun = Static<typeof MlflowRun>;

/** Tag that holds the key of a run. */
export const KEY_TAG = 'edgevlm.run';

/** @throws EdgeVlmError FILE_UNREADABLE */
export function parseMlflowRun(json: string, source: string): MlflowRun {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNREADABLE', `${source} is not JSON`, { cause });
  }
  if (Value.Check(MlflowRun, value)) return value;
  const error = Value.Errors(MlflowRun, value)[0];
  throw new EdgeVlmError('FILE_UNREADABLE', `${source} is not a run to be sent: ${error?.instancePath ?? ''} ${error?.message ?? ''}`);
}
