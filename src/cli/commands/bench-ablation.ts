import { createHash } from 'node:crypto';
import path from 'node:path';
import { describeEnvironment } from '../../bench/probes/environment.js';
import type { AblationPrompt } from '../../bench/scenarios/ablation/ablation-prompt.js';
import { ablationHtml, ablationMarkdown, type AblationResults } from '../../bench/scenarios/ablation/ablation-report.js';
import { judgeVariant, type JudgedVariant } from '../../bench/scenarios/ablation/ablation-row.js';
import { runAblation, type AblationGroup, type AblationVariant } from '../../bench/scenarios/ablation/ablation-scenario.js';
import { ablationSummary } from '../../bench/scenarios/ablation/ablation-table.js';
import { findModel } from '../../catalogue/find-model.js';
import type { DecodingStrategyName } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import { createRunRecord, type ModelIdentity, type RunRecord } from '../../core/run-record.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { defaultThreads } from '../../engine/default-threads.js';
import { createDecoder } from '../../engine/decoders/registry.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { EngineGenerator } from '../../runtimes/engine/engine-generator.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import { applyCalibration } from '../calibration/apply-calibration.js';
import { leadAlong } from '../forced/lead-along.js';
import { identifyModel } from '../identify-model.js';
import { parseCacheSpec } from '../options/cache-spec.js';
import { computeOptions, type ComputeOptions } from '../options/compute-options.js';
import { decodingOptions } from '../options/decoding-options.js';
import type { RunLogOptions } from '../options/mlflow-options.js';
import { DrawnPrompts } from '../prompts/drawn-prompts.js';
import { RunLog } from '../run-log.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';
import { strategiesOf, type AblationFlags } from './ablation-options.js';
import { SCENE_VOCABULARY } from './eval-scene-pictures.js';
import { writeResults } from './write-results.js';

export interface BenchAblationOptions extends AblationFlags, ComputeOptions, RunLogOptions {
  readonly model: string;
  readonly mmproj?: string;
}

const BOOTSTRAP_SEED = 0;
const SAMPLING_SEED = 11;
/** As `DecodingOptions.draftTokens`. */
const DRAFT_TOKENS = 4;
/** As `eval albums`. */
const FORCED_PICTURES = 12;
const SPLIT = 'test';
const COMMAND = 'bench engine --ablate';

/** `edgevlm bench engine --ablate`: strategies and cache policies one by one beside plain decoding over a full cache. */
export async function benchAblation(options: BenchAblationOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  if (options.decoding !== undefined) throw new EdgeVlmError('USAGE', '--ablate takes --strategies, a list, in place of --decoding');
  if (options.forcedPictures !== undefined && options.forcedTokens === undefined)
    throw new EdgeVlmError('USAGE', '--forced-pictures needs --forced-tokens');
  const { prompts: count = 200, seed = 0, temperature = 0.8, report = 'reports/ablation', forcedPictures = FORCED_PICTURES } = options;
  const strategies = strategiesOf(options.strategies);
  const caches = options.caches ?? ['full'];
  const cacheOf = new Map(caches.map((spec) => [spec, parseCacheSpec(spec)]));
  const log = await RunLog.open(options, session);
  const startTime_ms = Date.now();
  const { model, mmproj } = await findModel({ model: options.model, mmproj: options.mmproj, vision: true });
  const called = options.model === model ? path.basename(model) : options.model;
  const threads = options.threads ?? defaultThreads();
  const load = await loadOptions({ model, ...(mmproj !== undefined && { mmproj }), ...computeOptions(options), threads }, options, session);
  const file = await readGguf(model);
  const { layers } = createDecoder(file).shape;
  const environment = await describeEnvironment();
  const identify = async (of: string): Promise<ModelIdentity> => identifyModel(await readGguf(of), signal);
  const models = {
    model: await identifyModel(file, signal),
    ...(mmproj !== undefined && { mmproj: await identify(mmproj) }),
    ...(load.draft !== undefined && { draft: await identify(load.draft.model) }),
  };

  const variant = (strategy: DecodingStrategyName, cache: string): AblationVariant => ({
    strategy,
    cache,
    decoding: { ...load.decoding, strategy },
    isExact: cache === 'full' && strategy !== 'early-exit',
  });
  const groups = [...cacheOf].map(([spec, cache]): AblationGroup => ({
    start: spec === 'full' ? null : () => EngineGenerator.start({ ...load, cache }, { signal }),
    // Plain decoding over a full cache is what the others are held against.
    variants: strategies.filter((strategy) => spec !== 'full' || strategy !== 'plain').map((strategy) => variant(strategy, spec)),
  }));
  const lines = new Map<number, string>();
  let drawn: DrawnPrompts | undefined;
  const result = await runAblation({
    reference: () => EngineGenerator.start(load, { signal }),
    groups,
    count,
    prompt: async (index, vision): Promise<AblationPrompt> => {
      drawn ??= new DrawnPrompts({ split: SPLIT, seed, vision });
      const prompt = await drawn.prompt(index);
      lines.set(index, prompt.line);
      return prompt;
    },
    sampling: temperature === 0 ? null : { temperature, topK: 0, topP: 1, minP: 0, seed: SAMPLING_SEED },
    onProgress: terminal.progress,
    signal,
  });

  const guesses = load.decoding?.adaptive === false ? (load.decoding.draftTokens ?? DRAFT_TOKENS) : null;
  const judged = [];
  for (const measurement of result.measurements) {
    const cache = cacheOf.get(measurement.variant.cache);
    const led = {
      load,
      cache,
      drawn: { split: SPLIT, seed },
      models,
      tokens: options.forcedTokens,
      pictures: forcedPictures,
      folder: path.join(report, 'forced'),
    } as const;
    const forced = await leadAlong(measurement, led, session);
    judged.push({
      ...judgeVariant(measurement, { model: called, vocabulary: SCENE_VOCABULARY, layers, seed: BOOTSTRAP_SEED, guesses, forced }),
      indices: measurement.pairs.map(({ index }) => index),
    });
  }
  const finished = Math.max(0, ...judged.map(({ row }) => row.prompts));
  if (finished === 0 && signal.aborted) throw new EdgeVlmError('CANCELLED', 'stopped before the first prompt was answered');
  if (finished === 0) throw new EdgeVlmError('CONTEXT_FULL', 'not one prompt fits into the context');
  const forcing = options.forcedTokens === undefined ? {} : { forcedTokens: options.forcedTokens, forcedPictures };
  const settings = { count, threads, temperature, ...forcing, ...flat(load.decoding), draftView: load.draft?.view ?? null };
  const toRecord = ({ row, scores, samples, verdicts, indices }: JudgedVariant & { readonly indices: readonly number[] }): RunRecord => {
    const own = { ...settings, strategy: row.strategy, cache: row.cache };
    return createRunRecord({
      command: COMMAND,
      settings: { requested: { ...own, threads: options.threads ?? null }, effective: own },
      seeds: { prompts: seed, bootstrap: BOOTSTRAP_SEED, sampling: SAMPLING_SEED },
      models,
      dataset: { name: 'ablation prompts', sha256: sha256(indices.map((index) => lines.get(index) ?? '')), items: indices.length },
      environment,
      thermal: result.thermal,
      memory: {},
      samples: [...samples],
      scores: [...scores],
      verdicts: [...verdicts],
      notes: [
        'In turns with plain decoding over a full cache, prompt by prompt; nothing is taken from earlier prompts.',
        ...(result.skipped > 0 ? [`${result.skipped} prompts did not fit into the context and were left out.`] : []),
        ...(signal.aborted ? [`Stopped after ${indices.length} of ${count} prompts.`] : []),
        ...(row.error === null ? [] : [`Ended early: ${row.error.code}: ${row.error.message}`]),
      ],
    });
  };
  const runs = judged.filter(({ row }) => row.prompts > 0).map(toRecord);
  const rows = judged.map(({ row }) => row);
  const summary = ablationSummary(rows);
  for (const record of runs) await saveRun(record, summary, undefined);
  const results: AblationResults = {
    schemaVersion: 1,
    command: COMMAND,
    createdAt: runs[0]?.createdAt ?? new Date().toISOString(),
    model: called,
    count,
    rows,
    runs,
  };
  const html = await writeReport(results, report);
  terminal.result({ ...results, skipped: result.skipped, runs: runs.map(({ id }) => id), report: html }, summary.join('\n'));
  terminal.note(`the report is ${html}`);
  const status = signal.aborted ? 'KILLED' : 'FINISHED';
  const plan = { key: `ablation-${runs[0]?.id ?? ''}`, name: COMMAND };
  for (const record of runs) await log.log(record, { plan, status });
  await log.logPlan({ ...plan, startTime_ms, endTime_ms: Date.now() }, status);
  if (signal.aborted) throw new EdgeVlmError('CANCELLED', `stopped after ${finished} of ${count} prompts`);
}

/** With the flags' decoding settings, and what was learnt about this model, whatever the strategy. */
async function loadOptions(files: EngineLoadOptions, flags: AblationFlags, session: Session): Promise<EngineLoadOptions> {
  const { decoding, draft } = await decodingOptions(flags);
  const load = { ...files, ...(draft !== undefined && { draft }), decoding: { ...decoding, strategy: 'ngram' as const } };
  return applyCalibration(load, flags.calibration ?? 'auto', session);
}

/** Settings of a record are printable. */
function flat(decoding: EngineLoadOptions['decoding'] = {}): Record<string, string | number | boolean> {
  // Each record has its own.
  const settings = Object.entries({ ...decoding, strategy: undefined });
  return Object.fromEntries(
    settings.flatMap(([name, value]) => (value === undefined ? [] : [[name, typeof value === 'object' ? value.join(',') : value]])),
  );
}

function sha256(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** Writes `report.html`, `report.json` and `report.md`. @returns the page's path @throws FILE_UNWRITABLE */
async function writeReport(results: AblationResults, folder: string): Promise<string> {
  await writeResults(path.join(folder, 'report.json'), results);
  const write = async (name: string, text: string): Promise<string> => {
    const file = path.join(folder, name);
    await writeFileAtomically(file, (append) => append(new TextEncoder().encode(text)));
    return file;
  };
  await write('report.md', ablationMarkdown(results));
  return write('report.html', ablationHtml(results));
}
