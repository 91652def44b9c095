import { EdgeVlmError } from '../../../core/errors.js';
import type { ChatMessage, DetailedGenerator } from '../../../core/generator.js';
import type { PreparedImage } from '../../../core/image.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../../core/progress.js';
import type { DescribedObject } from '../../quality/parse-caption.js';
import { ask } from '../ask.js';
import { inLanes } from '../in-lanes.js';

/** What is shown and asked in one conversation, and what is true. */
export interface AlbumTruth {
  /** In the order they are shown. */
  readonly pictures: readonly {
    /** What asks for a caption. */
    readonly prompt: string;
    readonly objects: readonly DescribedObject[];
    /** All captions that are right, word for word; the canonical one first. */
    readonly captions: readonly string[];
  }[];
  readonly questions: readonly { readonly kind: string; readonly question: string; readonly answer: string }[];
}

export interface ShownAlbum {
  readonly images: readonly PreparedImage[];
  readonly truth: AlbumTruth;
}

/** What a model said in one conversation; less than everything where the context was full. */
export interface AlbumAnswers {
  readonly truth: AlbumTruth;
  readonly captions: readonly string[];
  readonly answers: readonly string[];
  /** Tokens of the longest prompt with its answer. */
  readonly contextTokens: number;
}

export interface AlbumsScenarioOptions {
  readonly generator: DetailedGenerator;
  readonly albums: AsyncIterable<ShownAlbum>;
  /** How many albums there will be. */
  readonly count: number;
  /** How many conversations run at once. Default 1. */
  readonly concurrency?: number;
  /** Earlier turns are what the model said, not what is true. */
  readonly free: boolean;
  /** New tokens at most. */
  readonly captionTokens: number;
  readonly answerTokens: number;
  readonly onProgress?: Progress;
  /** Ends the run early; albums that are finished are kept. */
  readonly signal?: AbortSignal;
}

/**
 * Holds one conversation about each album, greedily: every picture is shown and described, then the questions are asked. A
 * conversation ends early when the context is full.
 * @returns the albums up to the first that was not finished: fewer than `count` when `signal` aborted
 * @throws what the generator and `albums` throw, unless `signal` aborted
 */
export async function runAlbumsScenario(options: AlbumsScenarioOptions): Promise<AlbumAnswers[]> {
  const { albums, concurrency = 1, count, signal } = options;
  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, { label: 'eval albums', unit: 'albums', total: count });
  const work = async (album: ShownAlbum, either: AbortSignal): Promise<AlbumAnswers> => {
    const answers = await converse(album, options, either);
    task.advance();
    return answers;
  };
  try {
    return await inLanes(albums, work, concurrency, signal);
  } finally {
    task.end();
  }
}

async function converse(
  { images, truth }: ShownAlbum,
  { generator, free, captionTokens, answerTokens }: AlbumsScenarioOptions,
  signal: AbortSignal,
): Promise<AlbumAnswers> {
  const turns: ChatMessage[] = [];
  let contextTokens = 0;
  const turn = async (content: ChatMessage['content'], maxTokens: number, right: string): Promise<string> => {
    turns.push({ role: 'user', content });
    const { text, promptTokens, completionTokens } = await ask(generator, turns, maxTokens, signal);
    contextTokens = Math.max(contextTokens, promptTokens + completionTokens);
    turns.push({ role: 'assistant', content: [{ type: 'text', text: free ? text : right }] });
    return text;
  };
  const captions: string[] = [];
  const answers: string[] = [];
  try {
    for (const [at, { prompt, captions: right }] of truth.pictures.entries()) {
      const image = images[at];
      if (image === undefined)
        throw new EdgeVlmError('INTERNAL', `an album of ${truth.pictures.length} pictures came with ${images.length}`);
      const content = [{ type: 'image', image } as const, { type: 'text', text: prompt } as const];
      captions.push(await turn(content, captionTokens, right[0] ?? ''));
    }
    for (const { question, answer } of truth.questions) answers.push(await turn([{ type: 'text', text: question }], answerTokens, answer));
  } catch (thrown) {
    if (!(thrown instanceof EdgeVlmError && thrown.code === 'CONTEXT_FULL')) throw thrown;
  }
  return { truth, captions, answers, contextTokens };
}
