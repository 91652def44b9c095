import { checkWholeNumber } from '../check-whole-number.js';
import { drawScene, type DrawnScene } from '../scenes/draw-scene.js';
import { sceneSettings, type SceneOptions } from '../scenes/generate-scene.js';
import { Random } from '../scenes/random.js';
import { albumQuestions } from './album-questions.js';
import type { AlbumPicture, AlbumQuestion, AlbumTruth } from './album-truth.js';

/** How an album is drawn; its pictures are rich unless `style` says otherwise. The same options give the same album. */
export interface AlbumOptions extends SceneOptions {
  /** How many pictures, 12 to 64; default 16. */
  readonly pictures?: number;
  /** At least so many questions, 8 to 200; default 8. */
  readonly questions?: number;
}

export interface Album {
  readonly truth: AlbumTruth;
  /** In the order of `truth.pictures`. */
  readonly rasters: readonly DrawnScene[];
}

/** The fewest tokens that a picture is worth. */
const TOKENS_PER_PICTURE = 16;
const LEAST_TOKENS = 512;

const words = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.split(' ').length, 0);

/** Checks options and fills in the defaults. @throws EdgeVlmError USAGE when an option is out of its range. */
export function albumSettings({ pictures = 16, questions = 8, style = 'rich', ...options }: Omit<AlbumOptions, 'split'>) {
  checkWholeNumber('pictures', pictures, 12, 64);
  checkWholeNumber('questions', questions, 8, 200);
  return { ...sceneSettings({ ...options, style }), pictures, questions };
}

/**
 * Draws one album: pictures with captions, then at least as many questions about its first half as there are pictures in that,
 * and as many more as are wanted and as make it 512 tokens long; fewer only where no more can be asked.
 * @throws EdgeVlmError USAGE when an option is out of its range.
 */
export function generateAlbum(options: AlbumOptions): Album {
  const { split, seed, index } = options;
  const settings = albumSettings(options);
  const key = `albums:${settings.style}:${split}:${seed}:${index}`;
  const rasters = Array.from({ length: settings.pictures }, (_, at) => drawScene(`${key}:picture:${at + 1}`, settings));
  const pictures = rasters.map(({ truth: { greyscale, objects, caption, variants } }, at): AlbumPicture => {
    const shown = { number: at + 1, file: '', ...(greyscale !== undefined && { greyscale }), objects };
    return { ...shown, prompt: `Describe picture ${at + 1}.`, caption, variants };
  });

  let leastTokens = pictures.length * TOKENS_PER_PICTURE + words(pictures.flatMap(({ prompt, caption }) => [prompt, caption]));
  const questions: AlbumQuestion[] = [];
  for (const question of albumQuestions(pictures, Random.of(`${key}:questions`))) {
    questions.push(question);
    leastTokens += words([question.question, question.answer]);
    if (leastTokens >= LEAST_TOKENS && questions.length >= Math.max(settings.questions, pictures.length / 2)) break;
  }
  return { rasters, truth: { split, seed, index, pictures, questions, leastTokens } };
}
