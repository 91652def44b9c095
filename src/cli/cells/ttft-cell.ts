import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { CellRunner } from '../../bench/plans/cell-runner.js';
import type { ConfigName, TtftConfig } from '../../bench/scenarios/ttft/parse-config.js';
import { ttftSettings } from '../../bench/scenarios/ttft/ttft-settings.js';
import { sha256Json } from '../../core/canonical-json.js';
import { EdgeVlmError } from '../../core/errors.js';
import { DEVICES, QUANTIZATIONS, RUNTIME_NAMES } from '../../core/runtime.js';
import { identifyBaseline } from '../commands/identify-baseline.js';
import { compareTtft } from '../commands/ttft-comparison.js';
import { readPromptSets, resolveBaseline, TTFT_DEFAULTS, type TtftRequest } from '../commands/ttft-request.js';

const count = (minimum: number, maximum: number) => Type.Optional(Type.Integer({ minimum, maximum }));
const text = () => Type.Optional(Type.String({ minLength: 1 }));

/** What `bench ttft` measures, by the names of its options; what is absent takes their default. */
const TtftCellSettings = Type.Object(
  {
    baseline_model: Type.String({ minLength: 1 }),
    api_base_url: text(),
    model_alias: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()])),
    short_prompts: text(),
    long_prompts: text(),
    max_new_tokens: count(1, 65_536),
    baseline_runtime: Type.Optional(Type.Enum([...RUNTIME_NAMES])),
    device: Type.Optional(Type.Enum([...DEVICES])),
    quantization: Type.Optional(Type.Enum([...QUANTIZATIONS])),
    precision: text(),
    threads: count(1, 512),
    context: count(1, 16_777_216),
    allow_remote_code: Type.Optional(Type.Boolean()),
    repetitions: count(1, 1000),
    warmup: count(0, 100),
    reuse: Type.Optional(Type.Boolean()),
    timeout_s: count(1, 86_400),
  },
  { additionalProperties: false },
);
type TtftCellSettings = Static<typeof TtftCellSettings>;

const CONFIG_OF: Partial<Record<keyof TtftCellSettings, ConfigName>> = {
  baseline_model: 'BASELINE_MODEL_NAME',
  api_base_url: 'LLAMACPP_API_BASE_URL',
  model_alias: 'LLAMACPP_MODEL_ALIAS',
  short_prompts: 'SHORT_PROMPTS_FILE',
  long_prompts: 'LONG_PROMPTS_FILE',
  max_new_tokens: 'MAX_NEW_TOKENS_FOR_TTFT',
};

/** The comparison as a cell of a plan. Failed answers are in its scores; a runner without any answer fails the cell. */
export const ttftCell: CellRunner = {
  settings: TtftCellSettings,

  async identify(settings, signal) {
    const request = requestOf(Value.Parse(TtftCellSettings, settings));
    const sets = await readPromptSets(request.settings);
    const model = await identifyBaseline(await resolveBaseline(request, signal), signal);
    return {
      ...(model !== null && { model: model.sha256 }),
      ...Object.fromEntries(sets.map(({ type, prompts }) => [`${type}_prompts`, sha256Json(prompts)])),
    };
  },

  async run(settings, { signal, onProgress }) {
    const request = requestOf(Value.Parse(TtftCellSettings, settings));
    const sets = await readPromptSets(request.settings);
    const { result, measurement } = await compareTtft({
      request,
      baseline: await resolveBaseline(request, signal),
      sets,
      onProgress,
      signal,
    });
    if (result.partial) throw new EdgeVlmError('CANCELLED', `stopped after ${result.attempts.length} answers`);
    for (const { runner, outcome } of result.attempts) {
      const isSilent = result.attempts.every((other) => other.runner !== runner || other.outcome instanceof EdgeVlmError);
      if (isSilent && outcome instanceof EdgeVlmError) throw outcome;
    }
    return measurement;
  },
};

function requestOf(settings: TtftCellSettings): TtftRequest {
  const { baseline_runtime, device, quantization, precision, threads, context, allow_remote_code, timeout_s } = settings;
  const config: TtftConfig = Object.fromEntries(
    Object.entries(CONFIG_OF).flatMap(([name, configName]) => {
      const value = settings[name as keyof TtftCellSettings];
      return value === undefined ? [] : [[configName, { value: value === null ? null : String(value), source: `the setting ${name}` }]];
    }),
  );
  return {
    ...TTFT_DEFAULTS,
    settings: ttftSettings([config]),
    ...(baseline_runtime !== undefined && { baselineRuntime: baseline_runtime }),
    ...(device !== undefined && { device }),
    ...(quantization !== undefined && { quantization }),
    ...(precision !== undefined && { precision }),
    ...(threads !== undefined && { threads }),
    ...(context !== undefined && { context }),
    ...(allow_remote_code !== undefined && { allowRemoteCode: allow_remote_code }),
    ...(settings.repetitions !== undefined && { repetitions: settings.repetitions }),
    ...(settings.warmup !== undefined && { warmup: settings.warmup }),
    ...(settings.reuse !== undefined && { reuse: settings.reuse }),
    ...(timeout_s !== undefined && { timeout_ms: 1000 * timeout_s }),
  };
}
