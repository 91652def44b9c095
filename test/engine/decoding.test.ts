import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import type { DecodingOptions } from '../../src/core/decoding.js';
import type { DetailedResult, SamplingOptions } from '../../src/core/generator.js';
import { argmax, GreedySampler } from '../../src/engine/sampling/greedy-sampler.js';
import type { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import type { PreparedMessage } from '../../src/runtimes/prompt/prepared-request.js';
import { ask, loadShapes, sceneFor, user } from './support/ask.js';
import { largestDifference } from './support/compare.js';
import { shapesPrompts } from './support/shapes-prompts.js';
import { tinyModel } from './support/tiny-models.js';

type Answer = DetailedResult & { tokens: number[] };

/** A token may be another where the two likeliest were closer than this, in so few prompts. */
const MARGIN = 1e-3;
const EXCUSED_SHARE = 0.01;
const PROMPTS_TIMEOUT = 300_000;

const { model } = await findModel({ model: 'shapes' });
const draftFile = (name: string): string => join(dirname(model), `${name}.gguf`);
const reading = await loadShapes({ draft: { model: draftFile('shapes-draft-f16') } });
const seeing = await loadShapes({ draft: { model: draftFile('shapes-draft-vision-f16'), view: 'image-tokens' } });
const prompts = await shapesPrompts(reading, { scenes: 16, albums: 2 });

afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  reading[Symbol.dispose]();
  seeing[Symbol.dispose]();
});

const STRATEGIES: readonly { name: string; engine: TextEngine; decoding: DecodingOptions }[] = [
  { name: 'speculative, the draft reads text', engine: reading, decoding: { strategy: 'speculative' } },
  { name: 'speculative, the draft sees', engine: seeing, decoding: { strategy: 'speculative' } },
  { name: 'ngram', engine: reading, decoding: { strategy: 'ngram', ngramMin: 1 } },
  { name: 'self-speculative by 1 layer', engine: reading, decoding: { strategy: 'self-speculative', draftLayers: 1 } },
  { name: 'self-speculative by 4 layers', engine: reading, decoding: { strategy: 'self-speculative', draftLayers: 4 } },
  { name: 'early exit that is never sure enough', engine: reading, decoding: { strategy: 'early-exit', exitThreshold: 1 } },
];
const FIXED = { adaptive: false } as const;
const PLAIN: DecodingOptions = { strategy: 'plain' };
const SAMPLED: SamplingOptions = { temperature: 0.8, topK: 0, seed: 11 };

/** An answer, and by how much each of its tokens was likelier than the next. */
async function withMargins(messages: readonly PreparedMessage[]): Promise<{ answer: Answer; margins: number[] }> {
  const margins: number[] = [];
  const spy = vi.spyOn(GreedySampler.prototype, 'sample').mockImplementation((logits) => {
    const [first = 0, second = 0] = logits.toSorted().reverse();
    margins.push(first - second);
    return argmax(logits);
  });
  const answer = await ask(reading, messages, { decoding: PLAIN });
  spy.mockRestore();
  return { answer, margins };
}

const firstDifference = (a: readonly number[], b: readonly number[]): number => {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return -1;
};

const { image: picture } = await sceneFor(reading, 3);
const messages = [user('Describe the picture.', picture)];

describe('on scenes, albums and texts', () => {
  const plain: { answer: Answer; margins: number[] }[] = [];
  const sampled: Answer[] = [];
  beforeAll(async () => {
    for (const messages of prompts) {
      plain.push(await withMargins(messages));
      sampled.push(await ask(reading, messages, { decoding: PLAIN, sampling: SAMPLED }));
    }
  }, PROMPTS_TIMEOUT);

  test('there is something to compare', () => {
    expect(plain.length).toBeGreaterThanOrEqual(60);
    expect(new Set(plain.map(({ answer }) => answer.text)).size).toBeGreaterThan(20);
    expect(sampled.some(({ text }, i) => text !== plain[i]?.answer.text)).toBe(true);
  });

  test.each(STRATEGIES)(
    'greedy, $name: the tokens of plain decoding',
    async ({ engine, decoding }) => {
      let excused = 0;
      for (const [i, messages] of prompts.entries()) {
        const expected = plain[i];
        const answer = await ask(engine, messages, { decoding: { ...FIXED, ...decoding } });
        const at = firstDifference(answer.tokens, expected?.answer.tokens ?? []);
        if (at < 0) continue;
        expect(expected?.margins[at], `prompt ${i}, token ${at}`).toBeLessThan(MARGIN);
        excused++;
      }
      expect(excused).toBeLessThanOrEqual(EXCUSED_SHARE * prompts.length);
    },
    PROMPTS_TIMEOUT,
  );

  test.each(STRATEGIES)(
    'sampled at one seed, $name: the tokens of plain decoding',
    async ({ engine, decoding }) => {
      let differing = 0;
      for (const [i, messages] of prompts.entries()) {
        const expected = sampled[i];
        const answer = await ask(engine, messages, { decoding: { ...FIXED, ...decoding }, sampling: SAMPLED });
        if (firstDifference(answer.tokens, expected?.tokens ?? []) >= 0) differing++;
      }
      expect(differing).toBeLessThanOrEqual(EXCUSED_SHARE * prompts.length);
    },
    PROMPTS_TIMEOUT,
  );
});

describe('what guesses bring on scenes', () => {
  async function acceptance(engine: TextEngine, decoding: DecodingOptions): Promise<{ rate: number; tokensPerPass: number }> {
    let [judged, accepted, passes, tokens] = [0, 0, 0, 0];
    for (const messages of prompts.filter((candidate) => candidate.length === 1)) {
      const { decoding: statistics, completionTokens } = await ask(engine, messages, { decoding: { ...FIXED, ...decoding } });
      judged += statistics?.judged ?? 0;
      accepted += statistics?.accepted ?? 0;
      passes += statistics?.passes ?? 0;
      tokens += completionTokens;
    }
    expect(judged).toBeGreaterThan(100);
    return { rate: accepted / judged, tokensPerPass: tokens / passes };
  }

  test('a draft that reads text alone is right about half of the time', async () => {
    const { rate, tokensPerPass } = await acceptance(reading, { strategy: 'speculative' });
    expect(rate).toBeGreaterThan(0.5);
    expect(tokensPerPass).toBeGreaterThan(1.5);
  });

  test('a draft that sees is right nearly always', async () => {
    const { rate, tokensPerPass } = await acceptance(seeing, { strategy: 'speculative' });
    expect(rate).toBeGreaterThan(0.75);
    expect(tokensPerPass).toBeGreaterThan(2.5);
  });

  test('so are four of the layers of a model that was trained to answer early', async () => {
    expect((await acceptance(reading, { strategy: 'self-speculative', draftLayers: 4 })).rate).toBeGreaterThan(0.75);
  });
});

describe('verified by rejection', () => {
  const rejection = { ...FIXED, verification: 'rejection' } as const;
  const GUESSERS = STRATEGIES.filter(({ decoding }) => decoding.strategy !== 'early-exit');

  test.each(GUESSERS)('$name: repeats with its seed, differs with another, and greedy is greedy', async ({ engine, decoding }) => {
    const sampled = async (seed: number): Promise<number[]> =>
      (
        await ask(engine, messages, {
          decoding: { ...rejection, ...decoding },
          // Hot, because the model is sure; from nothing, because a prompt that is known sums in another order.
          sampling: { temperature: 3, topK: 0, topP: 1, minP: 0, seed },
          reuse: false,
        })
      ).tokens;
    const first = await sampled(1);
    expect(await sampled(1)).toEqual(first);
    expect(await sampled(2)).not.toEqual(first);
    const greedy = await ask(engine, messages, { decoding: { ...rejection, ...decoding } });
    expect(greedy.tokens).toEqual((await ask(reading, messages, { decoding: PLAIN })).tokens);
  });
});

describe('early exit', () => {
  test('layer by layer, the logits are those of the whole model', async () => {
    const rows: Float32Array[] = [];
    vi.spyOn(GreedySampler.prototype, 'sample').mockImplementation((logits) => {
      rows.push(logits.slice());
      return argmax(logits);
    });
    // Without reuse each takes the same cells, so that sums have the same order.
    const plain = await ask(reading, messages, { decoding: PLAIN, reuse: false });
    const expected = rows.splice(0);
    for (const exitGate of ['softmax_max', 'state'] as const) {
      await ask(reading, messages, {
        decoding: { strategy: 'early-exit', exitThreshold: 1, exitGate, exitLayers: [1, 2, 5] },
        reuse: false,
      });
      const layered = rows.splice(0);
      expect(layered).toHaveLength(plain.completionTokens + 1);
      expect(Math.max(...layered.map((row, i) => largestDifference(row, expected[i] ?? new Float32Array())))).toBeLessThan(1e-5);
    }
  });

  test('says that it may change the answer, where tokens left, and what it saved', async () => {
    const { lossy, decoding, completionTokens, warnings } = await ask(reading, messages, {
      decoding: { strategy: 'early-exit', exitLayers: [4, 6, 99], exitThreshold: 0.9 },
    });
    expect(lossy?.join()).toMatch(/early exit by softmax_max: after 4 layers above 0\.9/);
    expect(warnings.join()).toContain('99');
    const { exits = {}, layerEquivalents = 0, fullLayerEquivalents = 0 } = decoding ?? {};
    expect(Object.values(exits).reduce((sum, count) => sum + count, 0)).toBe(completionTokens);
    expect((exits[4] ?? 0) + (exits[6] ?? 0)).toBeGreaterThan(0);
    expect(layerEquivalents).toBeLessThan(1.4 * fullLayerEquivalents);
    expect((await ask(reading, messages, { decoding: PLAIN })).lossy).toEqual([]);
  });

  test('what it leaves in the cache is not taken for what a cold run would have left', async () => {
    const fresh = await sceneFor(reading, 90);
    const question = user('Describe the picture.', fresh.image);
    const hasty = await ask(reading, [question], { decoding: { strategy: 'early-exit', exitLayers: [1], exitThreshold: 0 } });
    expect(hasty.decoding?.exits).toEqual({ 1: hasty.decoding?.passes });
    const next: PreparedMessage[] = [
      question,
      { role: 'assistant', content: [{ type: 'text', text: hasty.text }] },
      user('How many objects are there?'),
    ];
    const warm = await ask(reading, next, { decoding: PLAIN });
    expect(warm.cachedTokens).toBeLessThanOrEqual(hasty.promptTokens);
    expect(warm.tokens).toEqual((await ask(reading, next, { decoding: PLAIN, reuse: false })).tokens);
  });
});

describe('side by side', () => {
  test('strategies that run at the same time give what each gives alone', async () => {
    const { image, questions } = await sceneFor(reading, 5);
    const mixed = STRATEGIES.filter(({ engine }) => engine === reading).map(({ decoding }, i) => ({
      messages: [user(questions[i % questions.length] ?? '', image)],
      decoding,
    }));
    const alone: string[] = [];
    for (const { messages, decoding } of mixed) alone.push((await ask(reading, messages, { decoding })).text);
    const together = await Promise.all(mixed.map(({ messages, decoding }) => ask(reading, messages, { decoding })));
    expect(together.map(({ text }) => text)).toEqual(alone);
  });

  test('a generation that is stopped anywhere leaves nothing behind that changes another', async () => {
    const { image } = await sceneFor(reading, 6);
    const messages = [user('Describe the picture.', image)];
    const expected = await ask(reading, messages, { decoding: PLAIN, reuse: false });
    for (const { decoding, engine } of STRATEGIES) {
      for (const tokens of [1, 3]) {
        const stop = new AbortController();
        let seen = 0;
        for await (const event of engine.generate({ input: { messages }, maxTokens: 40, decoding }, stop.signal)) {
          if (event.type === 'done') expect(event.result).toMatchObject({ finishReason: 'cancelled', completionTokens: seen });
          else if (++seen === tokens) stop.abort();
        }
        expect(seen).toBe(tokens);
      }
      expect((await ask(engine, messages, { decoding })).tokens).toEqual(expected.tokens);
    }
  });

  test('an answer that ends with a stop string has as many tokens as in plain decoding', async () => {
    const { image } = await sceneFor(reading, 7);
    const messages = [user('Describe the picture.', image)];
    const { text, tokens } = await ask(reading, messages, { decoding: PLAIN });
    const stop = [text.split(' ').at(2) ?? ''];
    const expected = await ask(reading, messages, { decoding: PLAIN, stop });
    expect(expected.completionTokens).toBeLessThan(tokens.length);
    for (const { decoding, engine } of STRATEGIES) {
      const { text: said, completionTokens, finishReason } = await ask(engine, messages, { decoding: { ...FIXED, ...decoding }, stop });
      expect({ said, completionTokens, finishReason }).toEqual({
        said: expected.text,
        completionTokens: expected.completionTokens,
        finishReason: 'stop',
      });
    }
  });

  test('under a grammar, the same answer as plain decoding gives', async () => {
    const { image, questions } = await sceneFor(reading, 8);
    const grammar = { gbnf: 'root ::= ("a " | "the ") [a-z ]{3,20} "."' };
    for (const question of ['Describe the picture.', ...questions.slice(0, 2)]) {
      const messages = [user(question, image)];
      const expected = await ask(reading, messages, { decoding: PLAIN, grammar });
      for (const { decoding, engine } of STRATEGIES) {
        expect((await ask(engine, messages, { decoding: { ...FIXED, ...decoding }, grammar })).text).toBe(expected.text);
      }
    }
  });

  test('graphs are kept by the number of guesses: a second answer of the same form builds none', async () => {
    const { image } = await sceneFor(reading, 9);
    const messages = [user('Describe the picture.', image)];
    const decoding = { ...FIXED, strategy: 'speculative' } as const;
    await ask(reading, messages, { decoding });
    await ask(reading, messages, { decoding });
    const { graphsBuilt } = reading.engine.runner;
    await ask(reading, messages, { decoding });
    expect(reading.engine.runner.graphsBuilt).toBe(graphsBuilt);
  });
});

describe('what cannot be', () => {
  const refused = (options: Parameters<typeof loadShapes>[0]): Promise<unknown> =>
    loadShapes(options).then((engine) => {
      engine[Symbol.dispose]();
    });

  test('a draft of another vocabulary is refused, with the first token that differs', async () => {
    const other = await tinyModel('tiny-llama-bpe', 'f32');
    await expect(refused({ draft: { model: other.model } })).rejects.toMatchObject({ code: 'DRAFT_MISMATCH' });
  });

  test('a draft that cannot read the image tokens is refused', async () => {
    const draft = { model: draftFile('shapes-draft-f16'), view: 'image-tokens' } as const;
    await expect(refused({ draft })).rejects.toMatchObject({
      code: 'DRAFT_MISMATCH',
      message: expect.stringContaining('128 values') as string,
    });
  });

  test('speculation without a draft, rejection under a grammar, more layers than there are', async () => {
    using engine = await loadShapes();
    const answer = (options: Parameters<typeof ask>[2]): Promise<Answer> => ask(engine, [user('Hello!')], options);
    await expect(answer({ decoding: { strategy: 'speculative' } })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(
      answer({ decoding: { strategy: 'ngram', verification: 'rejection' }, sampling: SAMPLED, grammar: { gbnf: 'root ::= "a"' } }),
    ).rejects.toMatchObject({ code: 'USAGE' });
    await expect(answer({ decoding: { strategy: 'self-speculative', draftLayers: 99 } })).rejects.toMatchObject({ code: 'USAGE' });
    expect((await answer({})).decoding?.strategy).toBe('plain');
  });
});
