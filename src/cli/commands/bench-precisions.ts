import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { type Command, Option } from 'commander';

import { describeEnvironment } from '../../bench/probes/environment.js';
import type { LabelledRun } from '../../bench/report/labelled-run.js';
import { precisionsSummary } from '../../bench/scenarios/precisions/precisions-markdown.js';
import { collectPrecisions } from '../../bench/scenarios/precisions/precisions-results.js';
import {
  runPrecisionsScenario,
  type PrecisionCandidate,
  type PrecisionMeasurement,
} from '../../bench/scenarios/precisions/precisions-scenario.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { RunRecord } from '../../core/run-record.js';
import { sceneSettings } from '../../data/scenes/generate-scene.js';
import { SPLITS, STYLES, type Split, type Style } from '../../data/scenes/vocabulary.js';
import { defaultThreads } from '../../engine/default-threads.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { EngineGenerator } from '../../runtimes/engine/engine-generator.js';
import { identifyModel } from '../identify-model.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { wholeNumber } from '../options/number-parser.js';
import { addRunLogOptions, type RunLogOptions } from '../options/mlflow-options.js';
import { addOutputOptions } from '../options/output-options.js';
import { RunLog } from '../run-log.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';
import { CAPTION_PROMPT, EVALUATION_LIMITS } from './evaluation-limits.js';
import { DrawnScenes } from './drawn-scenes.js';
import { checkPrecisions, ownPrecision, precisionFiles, type ModelFiles, type PrecisionFile } from './precision-files.js';
import { precisionParity } from './precision-parity.js';
import { precisionRecord } from './precision-record.js';
import { writePrecisionsReport } from './write-precisions-report.js';

interface BenchPrecisionsOptions extends ModelOptions, RunLogOptions {
  readonly precisions?: readonly string[];
  readonly count: number;
  readonly repetitions: number;
  readonly maxSeconds?: number;
  readonly seed: number;
  readonly split: Split;
  readonly style: Style;
  readonly maxObjects?: number;
  readonly report: string;
}

const BOOTSTRAP_SEED = 0;
/** Made from what the file is, unless others are asked for. */
const USUAL_PRECISIONS = ['q8_0', 'q4_0'];

/** `edgevlm bench precisions`: one model in several precisions: size, speed, memory and quality side by side. */
export function benchPrecisions(bench: Command, session: Session): void {
  const command = bench
    .command('precisions')
    .description('Quantise a model and compare the precisions on generated pictures: size, load, memory, latency, quality.')
    .option('--precisions <list>', "the first is what others are compared with; default: the file's own,q8_0,q4_0", list)
    .option('--count <n>', 'how many pictures', wholeNumber(1, 10_000), 100)
    .option('--repetitions <n>', 'rounds the pictures are shared out to; each loads every precision once', wholeNumber(1, 1000), 5)
    .option('--max-seconds <s>', 'begin no round after this time; the first is always finished', wholeNumber(0, 1_000_000))
    .option('--seed <n>', 'another seed draws other pictures', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .addOption(new Option('--split <name>', 'pictures of different splits differ').choices(SPLITS).default('test'))
    .addOption(new Option('--style <name>', 'in rich pictures precisions differ first').choices(STYLES).default('rich'))
    .option('--max-objects <n>', 'the most objects in a picture; default: 4, with --style plain 1', wholeNumber(1, 9))
    .option('--report <dir>', 'where report.html, report.json and report.md go; older ones are replaced', 'reports/precisions');
  addOutputOptions(addRunLogOptions(addModelOptions(command))).action((options: BenchPrecisionsOptions) => run(options, session));
}

function list(text: string): string[] {
  return text.split(',').map((name) => name.trim().toLowerCase());
}

async function run(options: BenchPrecisionsOptions, session: Session): Promise<void> {
  const { model, mmproj } = await findModel({ model: options.model, mmproj: options.mmproj, vision: true });
  if (mmproj === undefined) throw new EdgeVlmError('MMPROJ_MISSING', `there is no vision half beside ${model}, so it cannot see pictures`);
  const own = await ownPrecision(model);
  const precisions = options.precisions ?? [...new Set([own, ...USUAL_PRECISIONS])];
  checkPrecisions(precisions, own);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'edgevlm-precisions-'));
  try {
    await measure({ model, mmproj }, precisions, folder, options, session);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  given: ModelFiles,
  precisions: readonly string[],
  folder: string,
  options: BenchPrecisionsOptions,
  session: Session,
): Promise<void> {
  const { terminal, signal } = session;
  const { count, repetitions, seed, split } = options;
  const log = await RunLog.open(options, session);
  const startTime_ms = Date.now();
  const { style, maxObjects } = sceneSettings({ ...options, index: 0 });
  const threads = options.threads ?? defaultThreads();
  const environment = await describeEnvironment();
  const { progress } = terminal;
  // One more, to warm up with.
  const drawn = { split, seed, style, maxObjects, count: count + 1, out: path.join(folder, 'scenes'), progress, signal };
  const scenes = await DrawnScenes.draw(drawn);
  const prepared: PreparedPrecision[] = [];
  for (const name of precisions) prepared.push(await prepare(name, given, { ...options, threads, folder }, session));

  const result = await runPrecisionsScenario({
    candidates: prepared.map(({ candidate }) => candidate),
    count,
    repetitions,
    limit_ms: options.maxSeconds === undefined ? undefined : 1000 * options.maxSeconds,
    picture: (index, preprocessing) => scenes.read(index, preprocessing),
    prompt: CAPTION_PROMPT,
    ...EVALUATION_LIMITS,
    onProgress: (event) => {
      progress(event);
      if (event.type === 'advance') terminal.logger.debug('pictures finished', { done: event.done });
    },
    signal,
  });
  for (const { name, error } of result.failures) terminal.itemError({ precision: name }, error);
  const [reference] = result.measurements;
  if (reference === undefined) {
    if (signal.aborted) throw new EdgeVlmError('CANCELLED', 'stopped before the first precision had its turn');
    // Every failure was told.
    return;
  }

  const measured = new Set(result.measurements.map(({ name }) => name));
  const candidates = prepared.flatMap(({ candidate: { name }, start }) => (measured.has(name) ? [{ name, start }] : []));
  const parity = await precisionParity(candidates, { scenes, count, signal });
  const settings = {
    count,
    repetitions,
    maxSeconds: options.maxSeconds ?? null,
    split,
    style,
    maxObjects,
    precisions: precisions.join(','),
  };
  const requested = {
    ...settings,
    maxObjects: options.maxObjects ?? null,
    threads: options.threads ?? null,
    context: options.context ?? null,
  };
  const effective = { ...settings, threads, prompt: CAPTION_PROMPT, ...EVALUATION_LIMITS };
  const toRun = (measurement: PrecisionMeasurement): LabelledRun => ({
    label: measurement.name,
    record: precisionRecord(measurement, {
      reference,
      parity: parity.get(measurement.name) ?? null,
      thermal: result.thermal,
      environment,
      models: prepared.find(({ candidate }) => candidate.name === measurement.name)?.models ?? {},
      settings: { requested, effective },
      seeds: { scenes: seed, bootstrap: BOOTSTRAP_SEED },
      sha256: (pictures) => scenes.sha256(pictures),
    }),
  });
  const results = collectPrecisions({
    model: options.model === given.model ? path.basename(given.model) : options.model,
    names: precisions,
    count,
    parts: prepared.flatMap(({ candidate: { name }, files }) =>
      files.map(({ role, quantised, tensors }) => ({ precision: name, role, quantised, tensors })),
    ),
    runs: [toRun(reference), ...result.measurements.slice(1).map(toRun)],
    failures: result.failures,
  });
  const summary = precisionsSummary(results);
  for (const one of results.runs) await saveRun(one, summary, undefined);
  const files = await writePrecisionsReport(results, options.report);
  // Raw samples are in the files.
  terminal.result({ ...results, runs: results.runs.map(({ id }) => id), report: files }, summary.join('\n'));
  terminal.note(`the report is ${files.html}`);
  const status = signal.aborted ? 'KILLED' : 'FINISHED';
  // The precisions are one comparison.
  const plan = { key: `precisions-${reference.name}-${results.runs[0]?.id ?? ''}`, name: 'bench precisions' };
  for (const one of results.runs) await log.log(one, { plan, status });
  await log.logPlan({ ...plan, startTime_ms, endTime_ms: Date.now() }, status);
  if (signal.aborted) throw new EdgeVlmError('CANCELLED', `stopped after ${results.pictures} of ${count} pictures`);
}

interface PreparedPrecision {
  readonly candidate: PrecisionCandidate;
  /** As the candidate's. */
  readonly start: () => Promise<EngineGenerator>;
  /** None when the precision could not be made; starting it then says why. */
  readonly files: readonly PrecisionFile[];
  readonly models: RunRecord['models'];
}

/** Makes the files of a precision. One that cannot be made fails when its turn comes, as one that cannot be loaded. */
async function prepare(
  name: string,
  given: ModelFiles,
  { threads, context, folder }: { threads: number; context?: number; folder: string },
  session: Session,
): Promise<PreparedPrecision> {
  try {
    const { signal } = session;
    const files = await precisionFiles(given, name, { threads, folder, onProgress: session.terminal.progress, signal });
    const models: RunRecord['models'] = {};
    const paths: ModelFiles = { ...given };
    // Hashing reads the whole file, so that no precision's first load is the one that waits for the disk.
    for (const { role, path: file } of files) {
      models[role] = await identifyModel(await readGguf(file), signal);
      Object.assign(paths, { [role]: file });
    }
    const start = (): Promise<EngineGenerator> => EngineGenerator.start({ ...paths, threads, ...(context && { context }) }, { signal });
    return { candidate: { name, start }, start, files, models };
  } catch (thrown) {
    if (session.signal.aborted) throw thrown;
    const start = (): Promise<never> => Promise.reject(EdgeVlmError.from(thrown));
    return { candidate: { name, start }, start, files: [], models: {} };
  }
}
