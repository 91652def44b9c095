import { stat } from 'node:fs/promises';
import path from 'node:path';
import { GeneratorWatch } from '../../bench/load/generator-watch.js';
import { describeEnvironment } from '../../bench/probes/environment.js';
import { ResourceSampler, type SampledResources } from '../../bench/probes/resources/resource-sampler.js';
import { ThermalProbe } from '../../bench/probes/thermal.js';
import { ttftRatios, ttftRows, type TtftRatio, type TtftRow } from '../../bench/scenarios/ttft/ttft-figures.js';
import { ttftSamples, ttftScores } from '../../bench/scenarios/ttft/ttft-samples.js';
import { RUNNER_TITLES } from '../../bench/scenarios/ttft/ttft-table.js';
import {
  RUNNER_NAMES,
  runTtftScenario,
  type PromptSet,
  type RunnerName,
  type TtftEvent,
  type TtftScenarioResult,
} from '../../bench/scenarios/ttft/ttft-scenario.js';
import { apiRoot } from '../../bench/scenarios/ttft/ttft-settings.js';
import { ttftVerdicts } from '../../bench/scenarios/ttft/ttft-verdicts.js';
import { sha256Json } from '../../core/canonical-json.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { redact } from '../../core/redact.js';
import type { GeneratorAudit, Measurement, RunRecord } from '../../core/run-record.js';
import type { OpenRuntime } from '../../core/runtime.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import { identifyBaseline } from './identify-baseline.js';
import type { Baseline, TtftRequest } from './ttft-request.js';

/** The seed of the bootstrap. */
const BOOTSTRAP_SEED = 0;

export interface TtftComparisonOptions {
  readonly request: TtftRequest;
  readonly baseline: Baseline;
  readonly sets: readonly PromptSet[];
  readonly onEvent?: (event: TtftEvent) => void;
  readonly onProgress?: Progress;
  readonly signal: AbortSignal;
}

export interface TtftComparison {
  readonly result: TtftScenarioResult;
  readonly rows: readonly TtftRow[];
  readonly ratios: readonly TtftRatio[];
  readonly measurement: Measurement;
}

/** Runs the baseline beside the server and makes a measurement of it. What fails is in the attempts. @throws CANCELLED before the first */
export async function compareTtft({
  request,
  baseline,
  sets,
  onEvent,
  onProgress,
  signal,
}: TtftComparisonOptions): Promise<TtftComparison> {
  const { settings, device, quantization, precision, threads, context, allowRemoteCode } = request;
  const environment = await describeEnvironment();
  // Hashing reads the whole file, so that loading does not wait for the disk.
  const identity = await identifyBaseline(baseline, signal).catch((thrown: unknown) => {
    // Opening it will say what is wrong.
    if (signal.aborted) throw thrown;
    return null;
  });
  const open = { signal, ...(onProgress && { onProgress }) };
  const local = {
    device,
    quantization,
    allowRemoteCode,
    ...(precision !== undefined && { precision }),
    ...(threads !== undefined && { threads }),
    ...(context !== undefined && { context }),
  };
  const opened: Partial<Record<RunnerName, OpenRuntime>> = {};
  const memory: RunRecord['memory'] = {};
  const thermal = new ThermalProbe();
  const before = await thermal.read();
  let sampling: { readonly sampler: ResourceSampler; readonly watch: GeneratorWatch } | undefined;
  let sampled: { readonly resources: SampledResources; readonly audit: GeneratorAudit } | undefined;
  const startSampling = (): void => {
    sampling ??= { sampler: ResourceSampler.start({ pids: () => opened.baseline?.pids() ?? [] }), watch: new GeneratorWatch() };
  };
  /** Once: before the runners are closed, or after they had to be. */
  const stopSampling = async (): Promise<void> => {
    if (sampling === undefined || sampled !== undefined) return;
    const audit = sampling.watch.stop();
    if ((opened.baseline?.pids() ?? []).length > 0) memory['baseline:after'] = await sampling.sampler.memory();
    sampled = { audit, resources: await sampling.sampler.stop() };
  };
  const result = await runTtftScenario({
    runners: [
      { name: 'baseline', open: async () => (await RUNTIMES[baseline.runtime]()).open({ model: baseline.model, ...local }, open) },
      {
        name: 'llamacpp',
        open: async () =>
          (await RUNTIMES['openai-http']()).open(
            { model: '', url: apiRoot(settings.apiBaseUrl), apiModel: settings.modelAlias, device: 'cpu', quantization: 'none' },
            open,
          ),
      },
    ],
    sets,
    maxTokens: settings.maxNewTokens,
    repetitions: request.repetitions,
    warmup: request.warmup,
    reuse: request.reuse,
    timeout_ms: request.timeout_ms,
    onEvent: (event) => {
      if (event.type === 'opened') opened[event.runner] = event.runtime;
      if (event.type === 'prompts') startSampling();
      onEvent?.(event);
    },
    beforeClose: stopSampling,
    signal,
  }).finally(stopSampling);
  if (result.attempts.length === 0) throw new EdgeVlmError('CANCELLED', 'stopped before the first prompt was answered');

  const rows = ttftRows(result.attempts, BOOTSTRAP_SEED);
  const ratios = ttftRatios(result.attempts, BOOTSTRAP_SEED);
  const requested = {
    BASELINE_MODEL_NAME: await printableName(settings.baselineModel),
    LLAMACPP_API_BASE_URL: redact(settings.apiBaseUrl),
    LLAMACPP_MODEL_ALIAS: settings.modelAlias,
    SHORT_PROMPTS_FILE: settings.shortPromptsFile === null ? null : path.basename(settings.shortPromptsFile),
    LONG_PROMPTS_FILE: settings.longPromptsFile === null ? null : path.basename(settings.longPromptsFile),
    MAX_NEW_TOKENS_FOR_TTFT: settings.maxNewTokens,
    baseline_runtime: request.baselineRuntime ?? null,
    device,
    quantization,
    precision: precision ?? null,
    threads: threads ?? null,
    context: context ?? null,
    repetitions: request.repetitions,
    warmup: request.warmup,
    reuse: request.reuse,
    timeout_s: request.timeout_ms / 1000,
  };
  const failures = result.attempts.filter(({ outcome }) => outcome instanceof EdgeVlmError).length;
  return {
    result,
    rows,
    ratios,
    measurement: {
      command: 'bench ttft',
      settings: {
        requested,
        effective: {
          ...requested,
          baseline_runtime: baseline.runtime,
          precision: opened.baseline?.effectivePrecision ?? null,
          context: opened.baseline?.generator.description.contextLength ?? null,
          sampling: 'greedy',
        },
      },
      seeds: { bootstrap: BOOTSTRAP_SEED },
      models: identity === null ? {} : { model: identity },
      dataset: {
        name: 'prompts',
        sha256: sha256Json(sets.map(({ type, prompts }) => [type, prompts])),
        items: sets.reduce((sum, { prompts }) => sum + prompts.length, 0),
      },
      environment,
      thermal: { before, after: await thermal.read(), during: [...(sampled?.resources.thermal ?? [])] },
      memory,
      ...(sampled && { resources: sampled.resources.use, generator: sampled.audit }),
      samples: [
        ...(opened.baseline === undefined ? [] : [{ name: 'baseline/load_ms', unit: 'ms', values: [opened.baseline.load_ms] }]),
        ...ttftSamples(result),
      ],
      scores: ttftScores(rows, ratios),
      verdicts: ttftVerdicts(result.attempts, request),
      notes: [
        ...(result.partial ? [`Stopped after ${result.attempts.length} answers.`] : []),
        ...(failures > 0 ? [`${failures} of ${result.attempts.length} answers failed; they count in no time.`] : []),
        ...warningsOf(opened, result),
        ...NOTES,
      ],
    },
  };
}

/** Of the models and of the answers, each once. */
function warningsOf(opened: Partial<Record<RunnerName, OpenRuntime>>, { attempts }: TtftScenarioResult): string[] {
  const ofModels = RUNNER_NAMES.flatMap((runner) =>
    (opened[runner]?.generator.description.warnings ?? []).map((warning) => `${RUNNER_TITLES[runner]}: ${warning}`),
  );
  const ofAnswers = attempts.flatMap(({ runner, outcome }) =>
    outcome instanceof EdgeVlmError ? [] : outcome.warnings.map((warning) => `${RUNNER_TITLES[runner]}: ${warning}`),
  );
  return [...new Set([...ofModels, ...ofAnswers])];
}

/** How every figure came about. */
const NOTES = [
  'TTFT: from the call, by the clock of this process, to the first text that is not empty; of the server the way there and back is part of it. Answers are greedy.',
  'Runners take turns prompt by prompt, the second round backwards. Warm-up answers are to the first prompt of a file with its words reversed, and count nowhere.',
  'Network and queue: TTFT − the prompt_ms of the server. Intervals are 95% percentile bootstrap over prompts. docs/TTFT.md has every formula.',
];

/** A record tells names of models, never where they lie. */
async function printableName(model: string): Promise<string> {
  const isHere = await stat(model).then(
    () => true,
    () => false,
  );
  return isHere ? path.basename(model) : model;
}
