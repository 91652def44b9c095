import { createHash } from 'node:crypto';

import { type Command, Option } from 'commander';

import { describeEnvironment } from '../../bench/probes/environment.js';
import { MemoryProbe } from '../../bench/probes/memory.js';
import { ThermalProbe } from '../../bench/probes/thermal.js';
import { scenesReport } from '../../bench/scenarios/scenes/scenes-report.js';
import { runScenesScenario } from '../../bench/scenarios/scenes/scenes-scenario.js';
import { scoreScenes, type ScenesScores } from '../../bench/scenarios/scenes/score-scenes.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import { createRunRecord, type ModelIdentity, type RunRecord } from '../../core/run-record.js';
import { sceneSettings } from '../../data/scenes/generate-scene.js';
import { SPLITS, STYLES, type Split, type Style } from '../../data/scenes/vocabulary.js';
import { readGguf } from '../../formats/gguf/read-gguf.js';
import { identifyModel } from '../identify-model.js';
import { addModelOptions, type ModelOptions } from '../options/model-options.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import { saveRun } from '../save-run.js';
import type { Session } from '../session.js';
import { startEngine, visionOf } from '../start-engine.js';
import { evalScenePictures, SCENE_VOCABULARY } from './eval-scene-pictures.js';

interface EvalScenesOptions extends ModelOptions {
  readonly count: number;
  readonly seed: number;
  readonly split: Split;
  readonly style: Style;
  readonly maxObjects?: number;
  readonly shuffle?: true;
  readonly out?: string;
}

const PROMPT = 'Describe the picture.';
/** More than nine objects take in any wording. */
const CAPTION_TOKENS = 256;
const ANSWER_TOKENS = 24;
const BOOTSTRAP_SEED = 0;

/** `edgevlm eval scenes`: captions and answers on generated pictures, scored against the truth. */
export function evalScenes(group: Command, session: Session): void {
  const command = group
    .command('scenes')
    .description('Draw pictures with known truths, have a model describe them and answer questions about them, and score it.')
    .option('--count <n>', 'how many pictures', wholeNumber(1, 1_000_000), 200)
    .option('--seed <n>', 'another seed draws other pictures', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .addOption(new Option('--split <name>', 'pictures of different splits differ').choices(SPLITS).default('test'))
    .addOption(new Option('--style <name>', 'rich adds textures, digits, greyscale, blur and noise').choices(STYLES).default('plain'))
    .option('--max-objects <n>', 'the most objects in a picture; default: 1, with --style rich 4', wholeNumber(1, 9))
    .option('--shuffle', "show each picture's neighbour instead: what remains is chance")
    .option('--out <file>', 'also write the run record here; a Markdown report is written beside it');
  addOutputOptions(addModelOptions(command)).action((options: EvalScenesOptions) => run(options, session));
}

async function run(options: EvalScenesOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  const { count, seed, split, shuffle = false } = options;
  const { style, maxObjects } = sceneSettings({ ...options, index: 0 });
  if (shuffle && count < 2) throw new EdgeVlmError('USAGE', '--shuffle needs at least two pictures');
  const models = await identifyModels(options, signal);
  const environment = await describeEnvironment();
  const engine = await startEngine(options, session, { vision: true });
  const lines: string[] = [];
  const memory: RunRecord['memory'] = {};
  const readMemory = async (moment: string): Promise<void> => {
    if (engine.pid !== undefined) memory[moment] = await new MemoryProbe(engine.pid).read();
  };
  const thermal = new ThermalProbe();
  try {
    const before = await thermal.read();
    await readMemory('loaded');
    const pictures = await runScenesScenario({
      generator: engine,
      pictures: noteLines(
        evalScenePictures({ split, seed, style, maxObjects }, { count, shuffle, preprocessing: visionOf(engine) }),
        lines,
      ),
      count,
      prompt: PROMPT,
      captionTokens: CAPTION_TOKENS,
      answerTokens: ANSWER_TOKENS,
      onProgress: (event) => {
        terminal.progress(event);
        if (event.type === 'advance') terminal.logger.debug('pictures finished', { done: event.done, count });
      },
      signal,
    });
    if (pictures.length === 0) throw new EdgeVlmError('CANCELLED', 'stopped before the first picture was finished');
    await readMemory('after');

    const scores = scoreScenes(pictures, SCENE_VOCABULARY, BOOTSTRAP_SEED);
    const partial = pictures.length < count ? [`Stopped after ${pictures.length} of ${count} pictures.`] : [];
    const settings = { count, split, style, maxObjects, shuffle, threads: options.threads ?? null, context: options.context ?? null };
    const record = withoutNoise(
      createRunRecord({
        command: 'eval scenes',
        settings: {
          requested: { ...settings, maxObjects: options.maxObjects ?? null },
          effective: {
            ...settings,
            context: engine.description.contextLength,
            sampling: 'greedy',
            prompt: PROMPT,
            captionTokens: CAPTION_TOKENS,
            answerTokens: ANSWER_TOKENS,
          },
        },
        seeds: { scenes: seed, bootstrap: BOOTSTRAP_SEED },
        models,
        dataset: { name: 'scenes', sha256: sha256(lines.slice(0, pictures.length)), items: pictures.length },
        environment,
        thermal: { before, after: await thermal.read() },
        memory,
        samples: [...scores.samples],
        verdicts: [],
        notes: [...partial, ...notes(shuffle), ...scores.scores.map(scoreNote)],
      }),
    );
    const report = [...scenesReport(scores), '', ...partial, ...notes(shuffle)];
    const saved = await saveRun(record, report, options.out);
    terminal.result({ run: record.id, count, pictures: pictures.length, shuffle, ...scoreFields(scores) }, report.join('\n'));
    terminal.note(`the run is saved as ${saved}`);
    if (pictures.length < count) throw new EdgeVlmError('CANCELLED', `stopped after ${pictures.length} of ${count} pictures`);
  } finally {
    await engine.close();
  }
}

/** Passes pictures on and keeps their truths for the data set's hash. */
async function* noteLines<T extends { readonly line: string }>(pictures: AsyncIterable<T>, lines: string[]): AsyncGenerator<T, void, void> {
  for await (const picture of pictures) {
    lines.push(picture.line);
    yield picture;
  }
}

/** That of the `truths.jsonl` that `data scenes` would write. */
function sha256(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** Noise bands are for repetitions of one measurement; pictures differ from each other by their nature. */
function withoutNoise(record: RunRecord): RunRecord {
  return { ...record, verdicts: [] };
}

function notes(shuffle: boolean): string[] {
  return [
    ...(shuffle ? ['Shuffled: every picture was replaced by its neighbour, so these scores are chance.'] : []),
    'Intervals are 95% percentile bootstrap over pictures; docs/EVALUATION.md defines the scores.',
  ];
}

function scoreNote({ name, value, interval: [low, high] }: ScenesScores['scores'][number]): string {
  return `${name} ${value} (${low} to ${high})`;
}

/** `{ caption: { object_f1, … }, vqa: { accuracy, by_kind: { … } }, bleu4, …, intervals: { <name>: [low, high] } }` */
function scoreFields({ scores, ciderOfTruth }: ScenesScores): object {
  const under = (prefix: string): Record<string, number> =>
    Object.fromEntries(
      scores
        .filter(({ name }) => name.startsWith(prefix) && !name.slice(prefix.length).includes('.'))
        .map(({ name, value }) => [name.slice(prefix.length), value]),
    );
  return {
    caption: under('caption.'),
    vqa: { ...under('vqa.'), by_kind: under('vqa.by_kind.') },
    ...under(''),
    cider_of_truth: ciderOfTruth,
    intervals: Object.fromEntries(scores.map(({ name, interval }) => [name, interval])),
  };
}

async function identifyModels(options: ModelOptions, signal: AbortSignal): Promise<Record<string, ModelIdentity>> {
  const { model, mmproj } = await findModel({ model: options.model, mmproj: options.mmproj, vision: true });
  const identify = async (file: string): Promise<ModelIdentity> => identifyModel(await readGguf(file), signal);
  return { model: await identify(model), ...(mmproj !== undefined && { mmproj: await identify(mmproj) }) };
}
