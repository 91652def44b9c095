import { createHash } from 'node:crypto';
import type { GenerateRequest, GenerateResult, ModelDescription } from '../core/generator.js';
import { fingerprintDistance, type PictureFingerprint } from '../core/picture-fingerprint.js';

/** One question about pictures, told so that a later one can be compared with it. */
export interface PictureQuestion {
  /** Hash of who asks, which model, and everything that was asked but the pictures. */
  readonly key: string;
  /** In the order of the pictures. */
  readonly fingerprints: readonly PictureFingerprint[];
}

/** An earlier answer, told as this one: nothing was computed. */
export interface SimilarAnswer {
  readonly result: GenerateResult;
  /** Of the picture that differs most. */
  readonly distance: number;
}

/** What is kept of an answer. */
type Answer = Pick<GenerateResult, 'text' | 'finishReason' | 'promptTokens' | 'imageTokens' | 'completionTokens' | 'lossy' | 'warnings'>;

interface Remembered extends PictureQuestion {
  readonly answer: Answer;
}

/** Some 3 kB each, and the answer's text. */
const CAPACITY = 256;

/**
 * Answers about pictures, to be given again where a picture is nearly the same: a camera that sees nothing new. Of pictures only
 * fingerprints are kept, of questions only hashes, and both in memory alone; nothing crosses from one client to another.
 */
export class SimilarAnswers {
  /** In order of last use. */
  readonly #remembered = new Set<Remembered>();

  /** @param capacity answers kept, the least recently used out first */
  constructor(private readonly capacity = CAPACITY) {}

  /** The nearest answer to the same question of the same client about pictures nearer than `below`. */
  find({ key, fingerprints }: PictureQuestion, below: number): SimilarAnswer | undefined {
    let [nearest, least]: [Remembered | undefined, number] = [undefined, below];
    for (const one of this.#remembered) {
      if (one.key !== key || one.fingerprints.length !== fingerprints.length) continue;
      const distance = Math.max(...fingerprints.map((mine, i) => distanceTo(mine, one.fingerprints[i])));
      if (distance < least) [nearest, least] = [one, distance];
    }
    if (nearest === undefined) return undefined;
    this.#touch(nearest);
    return { result: toldAgain(nearest.answer, least, below), distance: least };
  }

  remember(question: PictureQuestion, result: GenerateResult): void {
    const { text, finishReason, promptTokens, imageTokens, completionTokens, lossy = [], warnings } = result;
    this.#touch({ ...question, answer: { text, finishReason, promptTokens, imageTokens, completionTokens, lossy, warnings } });
    const [oldest] = this.#remembered;
    if (oldest !== undefined && this.#remembered.size > this.capacity) this.#remembered.delete(oldest);
  }

  #touch(one: Remembered): void {
    this.#remembered.delete(one);
    this.#remembered.add(one);
  }
}

/**
 * @param client who asks @param fingerprints of all pictures of the request, in order
 * @returns null where an answer must be the model's own: nothing is seen, nothing may be reused, or it is to be told how likely tokens were
 */
export function pictureQuestion(
  client: string,
  request: GenerateRequest,
  model: ModelDescription,
  fingerprints: readonly PictureFingerprint[],
): PictureQuestion | null {
  const { input, ...settings } = request;
  if ('prompt' in input || fingerprints.length === 0) return null;
  if (request.reuse === false || request.logprobs !== undefined || request.choiceGaps === true) return null;
  const words = input.messages.map(({ role, content }) => [role, content.map((part) => (part.type === 'text' ? part.text : null))]);
  const key = createHash('sha256')
    .update(JSON.stringify([client, model, settings, words]))
    .digest('hex');
  return { key, fingerprints };
}

const NO_WORK = { queue_ms: 0, tokenise_ms: 0, prepare_ms: 0, encode_ms: 0, prefill_ms: 0, decode_ms: 0, sample_ms: 0 };

function toldAgain(answer: Answer, distance: number, below: number): GenerateResult {
  const lossy = [...(answer.lossy ?? []), `the answer about an earlier picture, ${distance} away (given again below ${below})`];
  return { ...answer, lossy, cachedTokens: answer.promptTokens, timings: { ...NO_WORK, ttft_ms: 0, total_ms: 0 } };
}

function distanceTo(mine: PictureFingerprint, other: PictureFingerprint | undefined): number {
  return other === undefined ? Infinity : fingerprintDistance(mine, other);
}
