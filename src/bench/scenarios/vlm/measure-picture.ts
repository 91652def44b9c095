import { type Clock, systemClock } from '../../../core/clock.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { FinishReason, GenerateResult, Generator, StageTimings } from '../../../core/generator.js';
import type { DescribedObject } from '../../quality/parse-caption.js';

/**
 * Where the time of one picture goes, in this order: reading the file, then the stages of `StageTimings`, and in `other` what lies
 * between: messages between processes, and every stage that the runtime cannot tell from the rest.
 */
export const VLM_STAGES = ['read', 'queue', 'tokenise', 'prepare', 'encode', 'prefill', 'decode', 'sample', 'other'] as const;
export type VlmStage = (typeof VLM_STAGES)[number];

/** What is true of a picture. */
export interface PictureTruth {
  /** All captions that are right, word for word; the canonical one first. */
  readonly captions: readonly string[];
  /** What is to be seen; null where nobody has listed it. */
  readonly objects: readonly DescribedObject[] | null;
}

/** A picture of a folder. */
export interface VlmPicture {
  /** Which of the folder's pictures, from 0. */
  readonly index: number;
  /** The file's bytes. */
  readonly read: () => Promise<Uint8Array>;
  /** What is true of it; null where nobody has written that down. */
  readonly truth: PictureTruth | null;
}

/** What was said of one picture, and how long that took. */
export interface MeasuredPicture {
  readonly status: 'ok';
  readonly index: number;
  readonly truth: PictureTruth | null;
  readonly answer: string;
  readonly finishReason: FinishReason;
  /** From opening the picture's file to the end of its answer, as this process sees it. */
  readonly latency_ms: number;
  /** From opening the picture's file to the first text. */
  readonly ttft_ms: number;
  /** They add up to the latency; null where the runtime does not tell. */
  readonly stages: Readonly<Record<VlmStage, number | null>>;
  readonly promptTokens: number | null;
  readonly imageTokens: number | null;
  readonly cachedTokens: number | null;
  readonly completionTokens: number;
}

/** A picture that was not answered. */
export interface FailedPicture {
  /** `skipped`: the picture itself cannot be read or decoded; `error`: the model failed on it. */
  readonly status: 'skipped' | 'error';
  readonly index: number;
  readonly error: EdgeVlmError;
}

export interface MeasurePictureOptions {
  readonly prompt: string;
  /** New tokens at most. */
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Reads one picture and has it answered, greedily and cold, with the clock around all of it. What fails is a result.
 * @throws EdgeVlmError CANCELLED
 */
export async function measurePicture(
  generator: Generator,
  picture: VlmPicture,
  options: MeasurePictureOptions,
): Promise<MeasuredPicture | FailedPicture> {
  try {
    return await measure(generator, picture, options);
  } catch (thrown) {
    const error = EdgeVlmError.from(thrown);
    if (options.signal.aborted) throw error.code === 'CANCELLED' ? error : new EdgeVlmError('CANCELLED', 'stopped', { cause: error });
    return { status: isOfPicture(error) ? 'skipped' : 'error', index: picture.index, error };
  }
}

function isOfPicture({ code }: EdgeVlmError): boolean {
  return /^(IMAGE|FILE)_/.test(code);
}

async function measure(
  generator: Generator,
  { index, read, truth }: VlmPicture,
  { prompt, maxTokens, signal, clock = systemClock }: MeasurePictureOptions,
): Promise<MeasuredPicture> {
  signal.throwIfAborted();
  const begin = clock.now_ms();
  const bytes = await read();
  const asked = clock.now_ms();
  const content = [{ type: 'picture', bytes } as const, { type: 'text', text: prompt } as const];
  // Cold: every picture is new to a user, too.
  const request = { input: { messages: [{ role: 'user', content } as const] }, maxTokens, sampling: { temperature: 0 }, reuse: false };
  let first: number | undefined;
  let result: GenerateResult | undefined;
  for await (const event of generator.generate(request, signal)) {
    if (event.type === 'done') result = event.result;
    else if (event.text !== '') first ??= clock.now_ms();
  }
  const end = clock.now_ms();
  if (result === undefined) throw new EdgeVlmError('INTERNAL', 'the generator ended without a result');
  if (result.finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while generating');
  const { text, finishReason, timings, promptTokens, imageTokens, cachedTokens, completionTokens } = result;
  return {
    ...{ status: 'ok', index, truth, answer: text, finishReason, promptTokens, imageTokens, cachedTokens, completionTokens },
    latency_ms: end - begin,
    ttft_ms: (first ?? end) - begin,
    stages: stagesOf(timings, asked - begin, end - asked),
  };
}

function stagesOf(timings: StageTimings, read_ms: number, answered_ms: number): Record<VlmStage, number | null> {
  const known = {
    queue: timings.queue_ms,
    tokenise: timings.tokenise_ms,
    prepare: timings.prepare_ms,
    encode: timings.encode_ms,
    prefill: timings.prefill_ms,
    decode: timings.decode_ms,
    sample: timings.sample_ms,
  };
  const told_ms = Object.values(known).reduce<number>((sum, ms) => sum + (ms ?? 0), 0);
  return { read: read_ms, ...known, other: Math.max(0, answered_ms - told_ms) };
}
