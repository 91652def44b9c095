import { type Command, Option } from 'commander';
import { sceneSettings } from '../../data/scenes/generate-scene.js';
import { type Renderer, RENDERERS, type Split, SPLITS, type Style, STYLES } from '../../data/scenes/vocabulary.js';
import { writeScenes } from '../../data/scenes/write-scenes.js';
import { wholeNumber } from '../options/number-parser.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface ScenesOptions {
  readonly count: number;
  readonly seed: number;
  readonly split: Split;
  readonly side: number;
  readonly style: Style;
  readonly renderer: Renderer;
  readonly maxObjects?: number;
}

/** `edgevlm data scenes OUT` */
export function dataScenes(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('scenes')
    .description(
      'Draw pictures of coloured shapes and write down what is true of them. The same options draw the same pixels everywhere, save with --renderer svg.',
    )
    .argument('<out>', 'the folder to fill with images/ and truths.jsonl')
    .requiredOption('--count <n>', 'how many pictures', wholeNumber(1, 100_000_000))
    .option('--seed <n>', 'another seed draws other pictures', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .addOption(new Option('--split <name>', 'pictures of different splits differ').choices(SPLITS).default('train'))
    .option('--side <pixels>', 'width and height', wholeNumber(32, 2048), 128)
    .addOption(new Option('--style <name>', 'rich adds textures, digits, greyscale, blur and noise').choices(STYLES).default('plain'))
    .addOption(
      new Option('--renderer <name>', 'svg draws the same truths another way, for evaluation').choices(RENDERERS).default('distance'),
    )
    .option('--max-objects <n>', 'the most objects in a picture; default: 1, with --style rich 4', wholeNumber(1, 9));
  addOutputOptions(command).action(async (out: string, options: ScenesOptions) => {
    const { count, seed, split, renderer } = options;
    const { side, style, maxObjects } = sceneSettings({ ...options, index: 0 });
    const settings = { out, count, seed, split, side, style, renderer, maxObjects };
    const truthsSha256 = await writeScenes({ ...settings, progress: terminal.progress, signal });
    const facts = { ...settings, truthsSha256 };
    terminal.result(facts, `${count} scenes in ${out}, truths.jsonl has the SHA-256 ${truthsSha256}`);
  });
}
