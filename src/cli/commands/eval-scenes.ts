import { type Command, Option } from 'commander';

import { chanceVerdict } from '../../bench/quality/chance-verdict.js';
import { runScenesScenario } from '../../bench/scenarios/scenes/scenes-scenario.js';
import { scoreScenes } from '../../bench/scenarios/scenes/score-scenes.js';
import { EdgeVlmError } from '../../core/errors.js';
import { sceneSettings } from '../../data/scenes/generate-scene.js';
import { RENDERERS, SPLITS, STYLES, type Renderer, type Split, type Style } from '../../data/scenes/vocabulary.js';
import { wholeNumber } from '../options/number-parser.js';
import type { Session } from '../session.js';
import { CAPTION_PROMPT, EVALUATION_LIMITS } from './evaluation-limits.js';
import { evalScenePictures, SCENE_VOCABULARY } from './eval-scene-pictures.js';
import { addEvaluationOptions, BOOTSTRAP_SEED, runEvaluation, type EvaluationOptions } from './run-evaluation.js';

interface EvalScenesOptions extends EvaluationOptions {
  readonly count: number;
  readonly seed: number;
  readonly split: Split;
  readonly style: Style;
  readonly renderer: Renderer;
  readonly maxObjects?: number;
  readonly shufflePictures?: true;
  readonly concurrency: number;
}

/** `edgevlm eval scenes`: captions and answers on generated pictures, scored against the truth. */
export function evalScenes(group: Command, session: Session): void {
  const command = group
    .command('scenes')
    .description('Draw pictures with known truths, have a model describe them and answer questions about them, and score it.')
    .option('--count <n>', 'how many pictures', wholeNumber(1, 1_000_000), 200)
    .option('--seed <n>', 'another seed draws other pictures', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .addOption(new Option('--split <name>', 'pictures of different splits differ').choices(SPLITS).default('test'))
    .addOption(new Option('--style <name>', 'plain leaves out textures, digits, greyscale, blur and noise').choices(STYLES).default('rich'))
    .addOption(new Option('--renderer <name>', 'svg draws the same truths another way').choices(RENDERERS).default('distance'))
    .option('--max-objects <n>', 'the most objects in a picture; default: 4, with --style plain 1', wholeNumber(1, 9))
    .option('--shuffle-pictures', "show each picture's neighbour instead: what remains is chance")
    .option('--concurrency <n>', 'pictures to ask about at once; they share --context', wholeNumber(1, 64), 1);
  addEvaluationOptions(command).action((options: EvalScenesOptions) => run(options, session));
}

async function run(options: EvalScenesOptions, session: Session): Promise<void> {
  const { count, seed, split, renderer, shufflePictures = false, concurrency } = options;
  const { style, maxObjects } = sceneSettings({ ...options, index: 0 });
  if (shufflePictures && count < 2) throw new EdgeVlmError('USAGE', '--shuffle-pictures needs at least two pictures');
  await runEvaluation(
    {
      ...{ name: 'scenes', unit: 'pictures', count, seed },
      settings: { split, style, renderer, maxObjects, shufflePictures, concurrency },
      requested: { maxObjects: options.maxObjects ?? null },
      fixed: { prompt: CAPTION_PROMPT, ...EVALUATION_LIMITS },
      draw: (preprocessing) => {
        return evalScenePictures({ split, seed, style, maxObjects }, { count, renderer, shuffle: shufflePictures, preprocessing });
      },
      ask: (generator, pictures, onProgress) => {
        return runScenesScenario({
          generator,
          pictures,
          count,
          concurrency,
          prompt: CAPTION_PROMPT,
          ...EVALUATION_LIMITS,
          onProgress,
          signal: session.signal,
        });
      },
      score: (answers) => scoreScenes(answers, SCENE_VOCABULARY, BOOTSTRAP_SEED),
      verdicts: (scores) => (shufflePictures ? [chanceVerdict(scores)] : []),
      notes: () => (shufflePictures ? ['Shuffled: every picture was replaced by its neighbour, so these scores are chance.'] : []),
      fields: () => ({ shuffle_pictures: shufflePictures }),
    },
    options,
    session,
  );
}
