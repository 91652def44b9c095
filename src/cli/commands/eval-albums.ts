import { type Command, Option } from 'commander';

import { runAlbumsScenario } from '../../bench/scenarios/albums/albums-scenario.js';
import { scoreAlbums } from '../../bench/scenarios/albums/score-albums.js';
import { albumSettings } from '../../data/albums/generate-album.js';
import { SPLITS, STYLES, type Split, type Style } from '../../data/scenes/vocabulary.js';
import { wholeNumber } from '../options/number-parser.js';
import type { Session } from '../session.js';
import { EVALUATION_LIMITS } from './evaluation-limits.js';
import { evalAlbumPictures } from './eval-album-pictures.js';
import { SCENE_VOCABULARY } from './eval-scene-pictures.js';
import { addEvaluationOptions, BOOTSTRAP_SEED, runEvaluation, type EvaluationOptions } from './run-evaluation.js';

interface EvalAlbumsOptions extends EvaluationOptions {
  readonly count: number;
  readonly seed: number;
  readonly split: Split;
  readonly pictures: number;
  readonly style: Style;
  readonly maxObjects?: number;
  readonly free?: true;
  readonly concurrency: number;
}

/** `edgevlm eval albums`: conversations over many pictures, scored against the truth. */
export function evalAlbums(group: Command, session: Session): void {
  const command = group
    .command('albums')
    .description('Show a model pictures one after the other in one conversation, ask it about early ones at the end, and score it.')
    .option('--count <n>', 'how many albums', wholeNumber(1, 1_000_000), 20)
    .option('--seed <n>', 'another seed draws other albums', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .addOption(new Option('--split <name>', 'albums of different splits differ').choices(SPLITS).default('test'))
    .option('--pictures <n>', 'pictures in an album', wholeNumber(12, 64), 12)
    .addOption(new Option('--style <name>', 'how the pictures are drawn').choices(STYLES).default('rich'))
    .option('--max-objects <n>', 'the most objects in a picture; default: 4, with --style plain 1', wholeNumber(1, 9))
    .option('--free', 'let earlier turns be what the model said; default: what is true')
    .option('--concurrency <n>', 'conversations to hold at once; they share --context', wholeNumber(1, 64), 1);
  addEvaluationOptions(command).action((options: EvalAlbumsOptions) => run(options, session));
}

async function run(options: EvalAlbumsOptions, session: Session): Promise<void> {
  const { count, seed, split, style, concurrency, free = false } = options;
  const { pictures, maxObjects } = albumSettings({ ...options, index: 0 });
  await runEvaluation(
    {
      ...{ name: 'albums', unit: 'albums', count, seed },
      settings: { split, style, pictures, maxObjects, free, concurrency },
      requested: { maxObjects: options.maxObjects ?? null },
      fixed: EVALUATION_LIMITS,
      draw: (preprocessing) => evalAlbumPictures({ split, seed, style, pictures, maxObjects }, { count, preprocessing }),
      ask: (generator, albums, onProgress) => {
        return runAlbumsScenario({ generator, albums, count, concurrency, free, ...EVALUATION_LIMITS, onProgress, signal: session.signal });
      },
      score: (answers) => scoreAlbums(answers, SCENE_VOCABULARY, BOOTSTRAP_SEED),
      verdicts: () => [],
      notes: (answers) => {
        const left = answers.reduce((sum, one) => sum + unasked(one), 0);
        return [
          free ? 'Earlier turns were what the model said.' : 'Earlier turns were the true captions and answers.',
          ...(left > 0 ? [`${left} captions and questions were not asked: the context was full.`] : []),
        ];
      },
      fields: (answers) => ({ free, unasked: answers.reduce((sum, one) => sum + unasked(one), 0) }),
    },
    options,
    session,
  );
}

type Asked = Awaited<ReturnType<typeof runAlbumsScenario>>[number];

const unasked = ({ truth, captions, answers }: Asked): number =>
  truth.pictures.length + truth.questions.length - captions.length - answers.length;
