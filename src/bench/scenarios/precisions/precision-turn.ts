import { EdgeVlmError } from '../../../core/errors.js';
import type { DetailedGenerator, DetailedResult } from '../../../core/generator.js';
import type { ImagePreprocessing, PreparedImage } from '../../../core/image.js';
import type { MemoryReading } from '../../../core/probe.js';
import { readTreeMemory, watchRun, type WatchedRun } from '../../load/watch-run.js';
import { ask } from '../ask.js';
import type { SceneAnswers, SceneTruth } from '../scenes/scenes-scenario.js';

/** Where the time of one caption goes, in this order. `other` is what lies between: messages between processes, waiting. */
export const STAGES = ['picture', 'preprocess', 'tokenise', 'encode', 'prefill', 'decode', 'sample', 'other'] as const;
export type Stage = (typeof STAGES)[number];

/** A picture, ready for a model, and how long that took. */
export interface TimedPicture {
  readonly truth: SceneTruth;
  readonly image: PreparedImage;
  /** Reading and decoding the file. */
  readonly picture_ms: number;
  /** Resizing and cutting it. */
  readonly preprocess_ms: number;
}

/** A model in a process of its own, whose memory can be read. */
export type MeasuredGenerator = DetailedGenerator & { readonly pid: number | undefined };

/** What was said of one picture, and how long the caption took. */
export interface MeasuredPicture extends SceneAnswers {
  /** Which picture of the data set. */
  readonly index: number;
  /** From the picture's file to the last token of its caption, as this process sees it. */
  readonly latency_ms: number;
  /** From the picture's file to the first text. */
  readonly ttft_ms: number;
  /** Milliseconds; they add up to the latency. */
  readonly stages: Readonly<Record<Stage, number>>;
  /** Tokens of the prompt that were computed. */
  readonly prefillTokens: number;
  readonly completionTokens: number;
}

/** One precision, loaded once and asked about some of the pictures. */
export interface PrecisionTurn {
  readonly load_ms: number;
  /** Latency of the first caption after loading, which is not counted. */
  readonly warmup_ms: number;
  readonly loaded: MemoryReading;
  /** From the first picture that counts to the last. */
  readonly watched: WatchedRun;
  readonly pictures: readonly MeasuredPicture[];
  readonly contextLength: number;
}

export interface PrecisionTurnOptions {
  readonly start: () => Promise<MeasuredGenerator>;
  readonly indices: readonly number[];
  /** A picture that is never scored. */
  readonly warmupIndex: number;
  readonly picture: (index: number, preprocessing: ImagePreprocessing) => Promise<TimedPicture>;
  readonly prompt: string;
  /** New tokens at most. */
  readonly captionTokens: number;
  readonly answerTokens: number;
  readonly onPicture: () => void;
  readonly signal: AbortSignal;
}

/** Loads, warms up, asks and closes. @throws what starting, the pictures and the generator throw; CANCELLED */
export async function takePrecisionTurn(options: PrecisionTurnOptions): Promise<PrecisionTurn> {
  const { start, indices, warmupIndex, picture, answerTokens, onPicture, signal } = options;
  const generator = await start();
  try {
    const { vision, load_ms, name, contextLength } = generator.description;
    if (vision === null) throw new EdgeVlmError('MMPROJ_MISSING', `${name} was loaded without its vision half`);
    const pids = (): number[] => (generator.pid === undefined ? [] : [generator.pid]);
    const loaded = await readTreeMemory(pids);
    const warmup = await timeCaption(generator, await picture(warmupIndex, vision), options);
    const { result: pictures, ...watched } = await watchRun(pids, async () => {
      const measured: MeasuredPicture[] = [];
      for (const index of indices) {
        // Prepared here and not ahead: nothing else may run while the model is timed.
        const prepared = await picture(index, vision);
        const timed = await timeCaption(generator, prepared, options);
        const answers: string[] = [];
        for (const { question } of prepared.truth.questions) {
          answers.push((await ask(generator, [userMessage(prepared.image, question)], answerTokens, signal)).text);
        }
        measured.push({ index, truth: prepared.truth, answers, ...timed });
        onPicture();
      }
      return measured;
    });
    return { load_ms, warmup_ms: warmup.latency_ms, loaded, watched, pictures, contextLength };
  } finally {
    await generator.close();
  }
}

/** One caption, timed from outside, with the engine's own account of the time. */
async function timeCaption(
  generator: DetailedGenerator,
  { image, picture_ms, preprocess_ms }: TimedPicture,
  { prompt, captionTokens, signal }: PrecisionTurnOptions,
): Promise<Omit<MeasuredPicture, 'index' | 'truth' | 'answers'>> {
  signal.throwIfAborted();
  const input = { messages: [userMessage(image, prompt)] };
  // Cold: every picture is new to a user, too.
  const request = { input, maxTokens: captionTokens, sampling: { temperature: 0 }, reuse: false };
  const begin = performance.now();
  let firstText_ms: number | undefined;
  let result: DetailedResult | undefined;
  for await (const event of generator.generate(request, signal)) {
    if (event.type === 'done') result = event.result;
    else if (event.text !== '') firstText_ms ??= performance.now() - begin;
  }
  const answered_ms = performance.now() - begin;
  if (result === undefined) throw new EdgeVlmError('INTERNAL', 'the generator ended without a result');
  if (result.finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while generating');
  const { tokenise_ms, encode_ms, prefill_ms, decode_ms, sample_ms, total_ms } = result.timings;
  const known_ms = tokenise_ms + encode_ms + prefill_ms + decode_ms + sample_ms;
  const prepare_ms = picture_ms + preprocess_ms;
  return {
    caption: result.text,
    caption_ms: total_ms,
    latency_ms: prepare_ms + answered_ms,
    ttft_ms: prepare_ms + (firstText_ms ?? answered_ms),
    stages: {
      picture: picture_ms,
      preprocess: preprocess_ms,
      tokenise: tokenise_ms,
      encode: encode_ms,
      prefill: prefill_ms,
      decode: decode_ms,
      sample: sample_ms,
      other: Math.max(0, answered_ms - known_ms),
    },
    prefillTokens: result.promptTokens - result.cachedTokens,
    completionTokens: result.completionTokens,
  };
}

function userMessage(image: PreparedImage, text: string) {
  return { role: 'user', content: [{ type: 'image', image } as const, { type: 'text', text } as const] } as const;
}
