import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { sha256Json } from '../../core/canonical-json.js';
import { EXIT_GATES } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import { ModelIdentity, type Environment } from '../../core/record-parts.js';

const strict = { additionalProperties: false } as const;
const Fraction = Type.Number({ minimum: 0, maximum: 1 });
/** The engine guesses 64 tokens at most. */
const Times = Type.Array(Type.Number({ minimum: 0 }), { minItems: 1, maxItems: 65 });
const Costs = Type.Object({ draft_ms: Times, verify_ms: Times }, strict);
const Layers = Type.Array(Type.Integer({ minimum: 1, maximum: 1024 }), { minItems: 1, maxItems: 64 });

/** What was learnt about a model on a device: valid for these weights, this processor and so many threads. */
export const CalibrationRecord = Type.Object(
  {
    schemaVersion: Type.Literal(1),
    createdAt: Type.String({ description: 'ISO 8601, UTC.' }),
    edgevlm: Type.Union([Type.String(), Type.Null()]),
    model: ModelIdentity,
    draft: Type.Union([Type.Object({ identity: ModelIdentity, view: Type.Enum(['words', 'image-tokens']) }, strict), Type.Null()]),
    device: Type.Object(
      { cpu: Type.Union([Type.String(), Type.Null()]), architecture: Type.String(), logicalCores: Type.Integer({ minimum: 1 }) },
      strict,
    ),
    threads: Type.Integer({ minimum: 1 }),
    calibratedOn: Type.Object(
      {
        split: Type.String(),
        seed: Type.Integer({ minimum: 0 }),
        prompts: Type.Integer({ minimum: 1 }),
        tokens: Type.Integer({ minimum: 0 }),
      },
      strict,
    ),
    v: Type.Array(Type.Number({ minimum: 0 }), { description: 'v(m) = T(m tokens) / T(1), from m = 1 on.' }),
    costs: Type.Object(
      { ngram: Costs, speculative: Type.Union([Costs, Type.Null()]), 'self-speculative': Type.Union([Costs, Type.Null()]) },
      { ...strict, description: 'Milliseconds, by the number of guesses from 0 on.' },
    ),
    selfSpeculative: Type.Union([
      Type.Object({ draftLayers: Type.Integer({ minimum: 1, maximum: 1024 }), acceptance: Fraction, speedup: Type.Number() }, strict),
      Type.Null(),
    ]),
    exits: Type.Union([
      Type.Object(
        {
          gate: Type.Enum(EXIT_GATES),
          exitLayers: Layers,
          exitThreshold: Type.Array(Fraction, { minItems: 1, maxItems: 64 }),
          target: Fraction,
          agreement: Type.Number({ description: 'Share of the tokens of other prompts that were those of the full model.' }),
          exitRate: Fraction,
          saved: Type.Number({ description: "Share of the layers' work." }),
        },
        strict,
      ),
      Type.Null(),
    ]),
  },
  { ...strict, title: 'CalibrationRecord' },
);
export type CalibrationRecord = Static<typeof CalibrationRecord>;
export type CalibrationDevice = CalibrationRecord['device'];

/** What of a machine decides how fast it computes. */
export function calibrationDevice({ cpu }: Environment): CalibrationDevice {
  return { cpu: cpu.model, architecture: cpu.architecture, logicalCores: cpu.logicalCores };
}

/** Where a record lies: one for each model, draft, device and number of threads. */
export function calibrationFile(folder: string, { model, draft, device, threads }: CalibrationRecord): string {
  const who = draft === null ? 'none' : `${draft.identity.sha256}:${draft.view}`;
  const key = sha256Json({ model: model.sha256, draft: who, device, threads });
  return join(folder, `${model.name.replace(/\.gguf$/i, '').replace(/[^\w.-]/g, '_')}-${key.slice(0, 16)}.json`);
}

/** @throws EdgeVlmError FILE_UNREADABLE naming the first field that does not fit */
export function parseCalibration(json: string, source: string): CalibrationRecord {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNREADABLE', `${source} is not JSON`, { cause });
  }
  if (Value.Check(CalibrationRecord, value)) return value;
  const error = Value.Errors(CalibrationRecord, value)[0];
  throw new EdgeVlmError(
    'FILE_UNREADABLE',
    `${source} is not a calibration: ${error?.instancePath ?? ''} ${error?.message ?? 'does not fit'}`,
  );
}
