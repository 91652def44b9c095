import { EdgeVlmError } from '../../../core/errors.js';
import type { GenerateResult, Generator } from '../../../core/generator.js';
import type { PreparedImage } from '../../../core/image.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../../core/progress.js';
import type { DescribedObject } from '../../quality/parse-caption.js';

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
 * @returns the pictures that were finished: fewer than `count` when `signal` aborted
 * @throws what the generator and `pictures` throw, unless `signal` aborted
 */
export async function runScenesScenario(options: ScenesScenarioOptions): Promise<SceneAnswers[]> {
  const { pictures, prompt, captionTokens, answerTokens, signal } = options;
  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, { label: 'eval scenes', unit: 'images', total: options.count });
  const finished: SceneAnswers[] = [];
  try {
    for await (const { image, truth } of pictures) {
      const caption = await ask(options, image, prompt, captionTokens);
      const answers: string[] = [];
      for (const { question } of truth.questions) answers.push((await ask(options, image, question, answerTokens)).text);
      finished.push({ truth, caption: caption.text, answers, caption_ms: caption.timings.total_ms });
      task.advance();
    }
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown;
  } finally {
    task.end();
  }
  return finished;
}

async function ask(
  { generator, signal }: ScenesScenarioOptions,
  image: PreparedImage,
  text: string,
  maxTokens: number,
): Promise<GenerateResult> {
  signal?.throwIfAborted();
  const content = [{ type: 'image', image } as const, { type: 'text', text } as const];
  const request = { input: { messages: [{ role: 'user', content } as const] }, maxTokens, sampling: { temperature: 0 } };
  for await (const event of generator.generate(request, signal)) {
    if (event.type !== 'done') continue;
    if (event.result.finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while generating');
    return event.result;
  }
  throw new EdgeVlmError('INTERNAL', 'the generator ended without a result');
}
