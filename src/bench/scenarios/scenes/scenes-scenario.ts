import type { Generator } from '../../../core/generator.js';
import type { PreparedImage } from '../../../core/image.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../../core/progress.js';
import type { DescribedObject } from '../../quality/parse-caption.js';
import { ask } from '../ask.js';
import { inLanes } from '../in-lanes.js';

/** What is asked about a picture and what is true. */
export interface SceneTruth {
  readonly objects: readonly DescribedObject[];
  /** All captions that are right, word for word; the canonical one first. */
  readonly captions: readonly string[];
  readonly questions: readonly { readonly kind: string; readonly question: string; readonly answer: string }[];
}

export interface ScenePicture {
  readonly image: PreparedImage;
  readonly truth: SceneTruth;
}

/** What a model said of one picture. */
export interface SceneAnswers {
  readonly truth: SceneTruth;
  readonly caption: string;
  /** In the order of the questions. */
  readonly answers: readonly string[];
  /** Of the caption, from the request to its last token. */
  readonly caption_ms: number;
}

export interface ScenesScenarioOptions {
  readonly generator: Generator;
  readonly pictures: AsyncIterable<ScenePicture>;
  /** How many pictures there will be. */
  readonly count: number;
  /** How many pictures are asked about at once; a generator that cannot batch takes them in turn. Default 1. */
  readonly concurrency?: number;
  /** What asks for a caption. */
  readonly prompt: string;
  /** New tokens at most. */
  readonly captionTokens: number;
  readonly answerTokens: number;
  readonly onProgress?: Progress;
  /** Ends the run early; pictures that are finished are kept. */
  readonly signal?: AbortSignal;
}

/**
 * Has a model caption each picture and answer every question about it, greedily and each in a conversation of its own.
 * @returns the pictures up to the first that was not finished: fewer than `count` when `signal` aborted
 * @throws what the generator and `pictures` throw, unless `signal` aborted
 */
export async function runScenesScenario(options: ScenesScenarioOptions): Promise<SceneAnswers[]> {
  const { generator, prompt, captionTokens, answerTokens, concurrency = 1 } = options;
  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, { label: 'eval scenes', unit: 'images', total: options.count });
  const askAbout = async ({ image, truth }: ScenePicture, signal: AbortSignal): Promise<SceneAnswers> => {
    const question = (text: string, maxTokens: number) =>
      ask(generator, [{ role: 'user', content: [{ type: 'image', image } as const, { type: 'text', text } as const] }], maxTokens, signal);
    const caption = await question(prompt, captionTokens);
    const answers: string[] = [];
    for (const one of truth.questions) answers.push((await question(one.question, answerTokens)).text);
    task.advance();
    return { truth, caption: caption.text, answers, caption_ms: caption.timings.total_ms };
  };
  try {
    return await inLanes(options.pictures, askAbout, concurrency, options.signal);
  } finally {
    task.end();
  }
}
