import type { GenerateRequest } from '../core/generator.js';
import type { PreparedImage } from '../core/image.js';
import { decodeImage } from '../vision/intake/decode-image.js';
import { preprocessImage } from '../vision/prepare-image.js';
import { answer } from './answer.js';
import type { CacheFlags } from './options/cache-options.js';
import type { ConfigOptions } from './options/config-option.js';
import type { DecodingFlags } from './options/decoding-options.js';
import { generationRequest, type GenerationOptions } from './options/generation-options.js';
import type { ModelOptions } from './options/model-options.js';
import { readGrammar } from './read-grammar.js';
import type { Session } from './session.js';
import { startEngine, visionOf } from './start-engine.js';

/** One request: which pictures it is about, and what is asked once they are ready. */
interface Question {
  readonly pictures: readonly string[];
  readonly input: (images: readonly PreparedImage[]) => GenerateRequest['input'];
  /** As in `AnswerOptions`. */
  readonly fields: (text: string) => object;
}

/** Starts the engine, answers one request and closes it. @throws EdgeVlmError of a picture, the model or the engine */
export async function answerOnce(
  question: Question,
  options: ModelOptions & DecodingFlags & CacheFlags & GenerationOptions & ConfigOptions,
  session: Session,
): Promise<void> {
  const hasPictures = question.pictures.length > 0;
  // Before the model is loaded: a wrong file is told at once.
  const start = performance.now();
  const decoded = await Promise.all(question.pictures.map((path) => decodeImage(path)));
  const decode_ms = performance.now() - start;
  const grammar = await readGrammar(options);

  const engine = await startEngine(options, session, { vision: hasPictures });
  try {
    const cut = performance.now();
    const images = await Promise.all(decoded.map((image) => preprocessImage(image, visionOf(engine))));
    const prepare_ms = decode_ms + performance.now() - cut;
    const request = { input: question.input(images), ...generationRequest(options), ...(grammar && { grammar }) };
    const { fields } = question;
    const { timings, configWarnings } = options;
    await answer(engine, request, { fields, timings, configWarnings, ...(hasPictures && { prepare_ms }) }, session);
  } finally {
    await engine.close();
  }
}
