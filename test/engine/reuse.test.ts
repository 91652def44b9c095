import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { DetailedResult } from '../../src/core/generator.js';
import { EvictedPrefixes } from '../../src/engine/reuse/evicted-prefixes.js';
import { VisionEncoder } from '../../src/engine/vision-encoder.js';
import { findModel } from '../../src/catalogue/find-model.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import type { PreparedMessage } from '../../src/runtimes/prompt/prepared-request.js';
import type { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import { ask, assistant, loadShapes, sceneFor, user } from './support/ask.js';
import { collect } from './support/collect.js';
import { relativeError } from './support/compare.js';

/**
 * How far logits may move: ggml sums in another order for another number of tokens, and values in f16 where it attends for fewer than
 * 64 tokens, and eight layers pass it on. Measured: 2.6e-3.
 */
const TOLERANCE = 5e-3;

const engine = await loadShapes();
const { runner } = engine.engine;
const perTile = engine.engine.tokensPerTile;
const [first, second] = [await sceneFor(engine, 0), await sceneFor(engine, 1)];
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  engine[Symbol.dispose]();
});

/** An answer and the logits that each of its tokens was chosen by. */
async function traced(
  messages: readonly PreparedMessage[],
  reuse: boolean,
): Promise<DetailedResult & { tokens: number[]; logits: Float32Array[] }> {
  const decode = vi.spyOn(runner, 'decode');
  const answer = await ask(engine, messages, { reuse });
  const results = await Promise.all(decode.mock.results.map(({ value }) => value as Promise<Float32Array[]>));
  // Pieces of a prompt but the last are asked for none.
  const logits = results.flat().filter(({ length }) => length > 0);
  decode.mockRestore();
  return { ...answer, logits };
}

/** Largest logit less the second largest. */
function margin(logits: Float32Array): number {
  const [top = 0, next = 0] = logits.toSorted().reverse();
  return top - next;
}

function encodings(): () => number {
  const encode = vi.spyOn(VisionEncoder.prototype, 'begin');
  return () => encode.mock.calls.length;
}

describe('with and without what earlier prompts left', () => {
  test('answers are the same, token by token, in questions and conversations about 24 scenes', async () => {
    let [answers, excused, cachedTokens] = [0, 0, 0];
    for (let index = 0; index < 24; index++) {
      const { image, questions } = await sceneFor(engine, index);
      const messages: PreparedMessage[] = [];
      for (const question of ['Describe the picture.', ...questions.slice(0, 2)]) {
        messages.push(user(question, ...(messages.length === 0 ? [image] : [])));
        for (const prompt of [messages, [user(question, image)]]) {
          const warm = await traced(prompt, true);
          const cold = await traced(prompt, false);
          expect(cold.cachedTokens).toBe(0);
          answers++;
          cachedTokens += warm.cachedTokens;
          const parted = cold.tokens.findIndex((token, i) => token !== warm.tokens[i]);
          // Up to where they part, both chose from the same past.
          const shared = parted < 0 ? cold.tokens.length : parted + 1;
          for (let i = 0; i < shared; i++) {
            expect(relativeError(warm.logits[i] ?? new Float32Array(), cold.logits[i] ?? new Float32Array())).toBeLessThan(TOLERANCE);
          }
          if (parted < 0 && warm.tokens.length === cold.tokens.length) continue;
          // Only two tokens that were as good as equal may change places.
          excused++;
          const spread = Math.hypot(...(cold.logits[shared - 1] ?? [])) / Math.sqrt(engine.engine.shape.vocabulary);
          expect(margin(cold.logits[shared - 1] ?? new Float32Array())).toBeLessThan(2 * TOLERANCE * spread);
        }
        messages.push(assistant((await ask(engine, messages)).text));
      }
    }
    expect(answers).toBe(24 * 6);
    expect(excused).toBeLessThanOrEqual(2);
    expect(cachedTokens).toBeGreaterThan(24 * 5 * perTile);
  });
});

describe('a second question about the same picture', () => {
  test('is asked without encoding the picture or computing its prompt again', async () => {
    const encoded = encodings();
    await ask(engine, [user('Describe the picture.', second.image)]);
    const before = encoded();
    const next = await ask(engine, [user(second.questions[0] ?? '', second.image)]);
    expect(encoded()).toBe(before);
    expect(next.timings.encode_ms).toBe(0);
    expect(next.imageTokens).toBe(perTile);
    expect(next.cachedTokens).toBeGreaterThan(perTile);
    expect(next.promptTokens - next.cachedTokens).toBeLessThan(20);
    // The last token is always computed: its logits choose the first of the answer.
    const again = await ask(engine, [user(second.questions[0] ?? '', second.image)]);
    expect(again.cachedTokens).toBe(again.promptTokens - 1);
    expect(again.tokens).toEqual(next.tokens);
  });

  test('after another picture finds both; a picture in another place is not encoded but computed', async () => {
    const encoded = encodings();
    const { image } = await sceneFor(engine, 100);
    const { image: other } = await sceneFor(engine, 101);
    await ask(engine, [user('Describe the pictures.', image, other, image)]);
    expect(encoded()).toBe(2);
    const swapped = await ask(engine, [user('Describe the pictures.', other, image)]);
    expect(encoded()).toBe(2);
    expect(swapped.cachedTokens).toBeLessThan(perTile);
    const alone = await ask(engine, [user('What is it?', image)]);
    expect([encoded(), alone.timings.encode_ms]).toEqual([2, 0]);
    expect(alone.cachedTokens).toBeGreaterThanOrEqual(perTile);
  });

  test('in a request that wants no reuse is computed whole, and leaves nothing', async () => {
    using fresh = await loadShapes();
    const encoded = encodings();
    for (const reuse of [false, false, true]) {
      const { cachedTokens, timings } = await ask(fresh, [user('Describe the picture.', first.image)], { reuse });
      expect([cachedTokens, timings.encode_ms > 0]).toEqual([0, true]);
    }
    expect(encoded()).toBe(3);
  });

  test('with both caches off is computed whole', async () => {
    using forgetful = await loadShapes({ keptSequences: 0, imageCacheBytes: 0 });
    for (let i = 0; i < 2; i++) {
      const { cachedTokens, timings } = await ask(forgetful, [user('Describe the picture.', first.image)]);
      expect([cachedTokens, timings.encode_ms > 0]).toEqual([0, true]);
    }
  });
});

describe('a second question after others have taken the cells', () => {
  test('takes the whole picture back from memory, answers as if it were read anew, and memory stays within its bound', async () => {
    // A question fits, two do not; in memory there is room for a dozen.
    using small = await loadShapes({ context: 100, cacheRamBytes: 4_000_000 });
    using forgetful = await loadShapes({ context: 100, cacheRamBytes: 0 });
    const allocated = small.description.cacheBytes;
    const scenes = await Promise.all(Array.from({ length: 8 }, (_, index) => sceneFor(engine, 200 + index)));
    for (const { image } of scenes) await ask(small, [user('Describe the picture.', image)]);
    for (const { image, questions } of scenes) {
      const prompt = [user(questions[0] ?? '', image)];
      const answer = await ask(small, prompt);
      expect(answer.tokens).toEqual((await ask(engine, prompt, { reuse: false })).tokens);
      // All up to the question itself.
      expect(answer.cachedTokens).toBeGreaterThan(perTile);
      expect(answer.promptTokens - answer.cachedTokens).toBeLessThan(20);
      expect(answer.totalCacheBytes).toBeLessThan(allocated);
      await ask(forgetful, prompt);
    }
    expect((await ask(forgetful, [user('What is it?', scenes[0]?.image ?? first.image)])).cachedTokens).toBeLessThan(perTile);
    expect(allocated - forgetful.description.cacheBytes).toBe(4_000_000);
  });

  test('has its draft go on where it was, too', async () => {
    const { model } = await findModel({ model: 'shapes' });
    const draft = { model: model.replace('shapes-f16', 'shapes-draft-vision-f16'), view: 'image-tokens' } as const;
    using guessing = await loadShapes({ context: 100, cacheRamBytes: 8_000_000, draft, decoding: { adaptive: false } });
    const scenes = await Promise.all(Array.from({ length: 6 }, (_, index) => sceneFor(engine, 400 + index)));
    for (const { image } of scenes) await ask(guessing, [user('Describe the picture.', image)]);
    const copied = vi.spyOn(EvictedPrefixes.prototype, 'restore');
    for (const { image } of scenes.slice(0, 3)) {
      const prompt = [user('Describe the picture.', image)];
      const answer = await ask(guessing, prompt);
      expect(answer.tokens).toEqual((await ask(engine, prompt, { reuse: false })).tokens);
      expect(answer.cachedTokens).toBeGreaterThan(perTile);
    }
    // From memories of its own.
    expect(new Set(copied.mock.contexts).size).toBe(2);
  });

  test('several at once, some of them cancelled, get what is theirs', async () => {
    using small = await loadShapes({ context: 400, sequences: 4, keptSequences: 1, cacheRamBytes: 4_000_000 });
    const scenes = await Promise.all(Array.from({ length: 6 }, (_, index) => sceneFor(engine, 300 + index)));
    const expected: number[][] = [];
    for (const { image, questions } of scenes) {
      expected.push((await ask(engine, [user(questions[0] ?? '', image)], { reuse: false })).tokens);
      await ask(small, [user('Describe the picture.', image)]);
    }
    for (let round = 0; round < 4; round++) {
      const abort = new AbortController();
      const answers = [0, 1, 2].map((index) => {
        const { image, questions } = scenes[(round + index) % scenes.length] ?? first;
        return ask(small, [user(questions[0] ?? '', image)]);
      });
      const { image, questions } = scenes[(round + 3) % scenes.length] ?? first;
      const cancelled = ask(small, [user(questions[0] ?? '', image)], {}, abort.signal);
      abort.abort();
      expect((await cancelled).finishReason).toBe('cancelled');
      for (const [index, answer] of (await Promise.all(answers)).entries()) {
        expect(answer.tokens).toEqual(expected[(round + index) % scenes.length]);
        expect(answer.cachedTokens).toBeGreaterThan(perTile);
      }
    }
  });
});

describe('beside other generations', () => {
  const questions = (image: (typeof first)['image']): PreparedMessage[][] =>
    ['Describe the picture.', ...first.questions.slice(0, 3)].map((question) => [user(question, image)]);
  const tokensOf = (answers: readonly { tokens: number[] }[]): number[][] => answers.map(({ tokens }) => tokens);
  const cold = async (prompts: PreparedMessage[][]): Promise<number[][]> => {
    const answers: { tokens: number[] }[] = [];
    for (const prompt of prompts) answers.push(await ask(engine, prompt, { reuse: false }));
    return tokensOf(answers);
  };

  test('the same picture asked about four times at once is encoded once and answered as alone', async () => {
    using fresh = await loadShapes();
    const encoded = encodings();
    const answers = await Promise.all(questions(first.image).map((prompt) => ask(fresh, prompt)));
    expect(encoded()).toBe(1);
    expect(tokensOf(answers)).toEqual(await cold(questions(first.image)));
    const again = await Promise.all(questions(first.image).map((prompt) => ask(fresh, prompt)));
    expect(again.every(({ cachedTokens }) => cachedTokens > perTile)).toBe(true);
    expect(tokensOf(again)).toEqual(tokensOf(answers));
  });

  test('a generation that is cancelled leaves what others may use, and nothing wrong', async () => {
    using fresh = await loadShapes();
    const [describe = [], ...others] = questions(first.image);
    const abort = new AbortController();
    const events = fresh.generate({ input: { messages: describe }, maxTokens: 40 }, abort.signal);
    await events.next();
    const beside = others.map((prompt) => ask(fresh, prompt));
    abort.abort();
    for await (const event of events) expect(event).toMatchObject({ type: 'done', result: { finishReason: 'cancelled' } });
    expect(tokensOf(await Promise.all(beside))).toEqual(await cold(others));
    const whole = await ask(fresh, describe);
    expect(whole.cachedTokens).toBeGreaterThan(perTile);
    expect([whole.tokens]).toEqual(await cold([describe]));
  });

  test('what is kept gives way when the context fills, the oldest first, and answers stay right', async () => {
    using small = await loadShapes({ context: 100 });
    const expected = await cold(questions(first.image));
    const other = await cold(questions(second.image));
    for (let round = 0; round < 3; round++) {
      expect(tokensOf(await asked(small, questions(first.image)))).toEqual(expected);
      expect(tokensOf(await asked(small, questions(second.image)))).toEqual(other);
    }
    // A prompt that fills the whole context finds every cell.
    const tokens = pseudoRandomTokens(100, small.engine.shape.vocabulary);
    const { result } = await collect(small.engine, { prompt: [{ type: 'tokens', tokens }], maxTokens: 1 });
    expect([result.promptTokens, result.finishReason]).toEqual([100, 'length']);
  });

  async function asked(of: TextEngine, prompts: PreparedMessage[][]): Promise<{ tokens: number[] }[]> {
    const answers: { tokens: number[] }[] = [];
    for (const prompt of prompts) answers.push(await ask(of, prompt));
    return answers;
  }
});
