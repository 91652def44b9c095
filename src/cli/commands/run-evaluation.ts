import { createHash } from 'node:crypto';

import type { Command } from 'commander';

import { readTreeMemory, watchRun } from '../../bench/load/watch-run.js';
import { describeEnvironment } from '../../bench/probes/environment.js';
import { ThermalProbe } from '../../bench/probes/thermal.js';
import type { Scored } from '../../bench/quality/metric.js';
import { scoreFields } from '../../bench/quality/score-fields.js';
import { scoresTable } from '../../bench/quality/scores-table.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { DetailedGenerator } from '../../core/generator.js';
import type { ImagePreprocessing } from '../../core/image.js';
import type { Progress } from '../../core/progress.js';
import { createRunRecord, type ModelIdentity, type RunRecord } from '../../core/run-record.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { identifyModel } from '../identify-model.js';
import { addCacheOptions, type CacheFlags } from '../options/cache-options.js';
import { addDecodingOptions, type DecodingFlags } from '../options/decoding-options.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { addRunLogOptions, type RunLogOptions } from '../options/mlflow-options.js';
import { addOutputOptions } from '../options/output-options.js';
import { RunLog } from '../run-log.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';
import { startEngine, visionOf } from '../start-engine.js';

export interface EvaluationOptions extends ModelOptions, DecodingFlags, CacheFlags, RunLogOptions {
  readonly out?: string;
}

/** The seed of every evaluation's bootstrap. */
export const BOOTSTRAP_SEED = 0;

/** Something drawn and what is true of it, as the line of the data set's file of truths. */
interface Drawn {
  readonly line: string;
}

/** One way to ask a model about what was drawn, and to score what it says. */
export interface Evaluation<Item extends Drawn, Answers> {
  /** Names the data set, too: `eval scenes` is about `scenes`. */
  readonly name: 'scenes' | 'albums';
  readonly count: number;
  /** What is counted: `pictures`. */
  readonly unit: string;
  readonly seed: number;
  /** As the command line says, defaults filled in. */
  readonly settings: RunRecord['settings']['effective'];
  /** Settings whose requested value is another, such as null for a default. */
  readonly requested: RunRecord['settings']['requested'];
  /** Settings that cannot be chosen. */
  readonly fixed: RunRecord['settings']['effective'];
  readonly draw: (preprocessing: ImagePreprocessing) => AsyncIterable<Item>;
  /** The answers in the order of the items, of the first ones only where the signal aborted. */
  readonly ask: (generator: DetailedGenerator, items: AsyncIterable<Item>, onProgress: Progress) => Promise<readonly Answers[]>;
  readonly score: (answers: readonly Answers[]) => Scored;
  readonly verdicts: (scores: Scored['scores']) => RunRecord['verdicts'];
  readonly notes: (answers: readonly Answers[]) => readonly string[];
  /** Facts that `--json` tells beside the scores. */
  readonly fields: (answers: readonly Answers[]) => object;
}

/** The options of every evaluation. */
export function addEvaluationOptions(command: Command): Command {
  command.option('--out <file>', 'also write the run record here; a Markdown report is written beside it');
  return addOutputOptions(addRunLogOptions(addCacheOptions(addDecodingOptions(addModelOptions(command)))));
}

/** Asks, scores, saves the run and prints it. @throws CANCELLED after it has done so on what was finished; as `startEngine` */
export async function runEvaluation<Item extends Drawn, Answers>(
  evaluation: Evaluation<Item, Answers>,
  options: EvaluationOptions,
  session: Session,
): Promise<void> {
  const { terminal, signal } = session;
  const { name, count, unit, seed } = evaluation;
  const log = await RunLog.open(options, session);
  const models = await identifyModels(options, signal);
  const environment = await describeEnvironment();
  const engine = await startEngine(options, session, { vision: true });
  const lines: string[] = [];
  const pids = (): number[] => (engine.pid === undefined ? [] : [engine.pid]);
  const thermal = new ThermalProbe();
  try {
    const before = await thermal.read();
    const loaded = await readTreeMemory(pids);
    const items = noteLines(evaluation.draw(visionOf(engine)), lines);
    const { result: answers, ...watched } = await watchRun(pids, () =>
      evaluation.ask(engine, items, (event) => {
        terminal.progress(event);
        if (event.type === 'advance') terminal.logger.debug(`${event.unit} finished`, { done: event.done });
      }),
    );
    if (answers.length === 0) throw new EdgeVlmError('CANCELLED', `stopped before the first of ${count} ${unit} was finished`);
    const { scores, samples } = evaluation.score(answers);
    const partial = answers.length < count;
    const notes = [
      ...(partial ? [`Stopped after ${answers.length} of ${count} ${unit}.`] : []),
      ...evaluation.notes(answers),
      `Intervals are 95% percentile bootstrap over ${unit}; docs/EVALUATION.md defines the scores.`,
    ];
    const optimisations = optimisationSettings(options);
    const settings = {
      count,
      ...evaluation.settings,
      threads: options.threads ?? null,
      context: options.context ?? null,
      ...optimisations,
    };
    const fixed = { ...evaluation.fixed, context: engine.description.contextLength, sampling: 'greedy' };
    const record = createRunRecord({
      command: `eval ${name}`,
      settings: { requested: { ...settings, ...evaluation.requested }, effective: { ...settings, ...fixed } },
      seeds: { [name]: seed, bootstrap: BOOTSTRAP_SEED },
      models,
      dataset: { name, sha256: sha256(lines.slice(0, answers.length)), items: answers.length },
      environment,
      thermal: { before, after: await thermal.read(), during: [...watched.resources.thermal] },
      memory: { loaded, after: watched.after },
      resources: watched.resources.use,
      generator: watched.audit,
      samples: [...samples],
      scores: [...scores],
      verdicts: evaluation.verdicts(scores),
      notes,
    });
    const verdicts = record.verdicts.map(({ name: what, outcome, detail }) => `${outcome}: ${what}: ${detail}`);
    const report = [...scoresTable(scores), '', ...verdicts, ...notes];
    const saved = await saveRun(record, report, options.out);
    const facts = { run: record.id, count, [unit]: answers.length, partial, ...evaluation.fields(answers) };
    terminal.result({ ...facts, ...scoreFields(scores) }, report.join('\n'));
    terminal.note(`the run is saved as ${saved}`);
    await log.log(record, { status: partial ? 'KILLED' : 'FINISHED' });
    if (partial) throw new EdgeVlmError('CANCELLED', `stopped after ${answers.length} of ${count} ${unit}`);
  } finally {
    await engine.close();
  }
}

/** Passes items on and keeps their truths for the data set's hash. */
async function* noteLines<Item extends Drawn>(items: AsyncIterable<Item>, lines: string[]): AsyncGenerator<Item, void, void> {
  for await (const item of items) {
    lines.push(item.line);
    yield item;
  }
}

/** That of the file of truths that `edgevlm data` would write. */
function sha256(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** Decoding and cache as far as flags say anything of them, named as the flags are. */
function optimisationSettings(options: EvaluationOptions): RunRecord['settings']['effective'] {
  const { decoding, draftView, draftTokens, draftFixed, draftLayers, verification, ngramMin, ngramMax, ...rest } = options;
  const { exitLayers, exitThreshold, exitGate, exitDecay, imageTokens, imagePruning, calibration } = rest;
  const { cache, cacheType, cacheBits, cacheRank, cacheOutliers, cacheBudget, cacheWindow, cacheBeta, cacheQueries } = rest;
  const given = {
    ...{ decoding, draftView, draftTokens, draftFixed, draftLayers, verification, ngramMin, ngramMax },
    ...{ exitLayers, exitThreshold, exitGate, exitDecay, imageTokens, imagePruning },
    // A path says nothing on another machine.
    ...{ calibration: calibration === undefined || ['auto', 'none'].includes(calibration) ? calibration : 'file' },
    ...{ cache, cacheType, cacheBits, cacheRank, cacheOutliers, cacheBudget, cacheWindow, cacheBeta, cacheQueries },
  };
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === 'object' ? value.join() : value]],
    ),
  );
}

async function identifyModels(options: EvaluationOptions, signal: AbortSignal): Promise<Record<string, ModelIdentity>> {
  const { model, mmproj } = await findModel({ model: options.model, mmproj: options.mmproj, vision: true });
  const identify = async (file: string): Promise<ModelIdentity> => identifyModel(await readGguf(file), signal);
  const draft = options.draft === undefined ? undefined : (await findModel({ model: options.draft, vision: false })).model;
  return {
    model: await identify(model),
    ...(mmproj !== undefined && { mmproj: await identify(mmproj) }),
    ...(draft !== undefined && { draft: await identify(draft) }),
  };
}
