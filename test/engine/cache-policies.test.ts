import { describe, expect, test } from 'vitest';
import type { EngineOptions } from '../../src/engine/engine-options.js';
import type { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { ask, assistant, loadShapes, sceneFor, user } from './support/ask.js';
import { collect } from './support/collect.js';

const PICTURES = 20;

/** Settings, and the share of captions that must come out word for word as with the full cache; 0 where too much is lost to promise any. */
const SETTINGS: readonly (readonly [options: Partial<EngineOptions>, share: number])[] = [
  [{ cache: { type: 'q8_0' } }, 0.9],
  [{ cache: { type: 'q4_0' } }, 0.6],
  [{ cache: { policy: 'hadamard' } }, 0.9],
  [{ cache: { policy: 'hadamard', type: 'q4_0' } }, 0.6],
  [{ cache: { policy: 'gear' } }, 0.6],
  [{ cache: { policy: 'gear', gear: { bits: 2, rank: 4 } } }, 0.4],
  [{ cache: { policy: 'pyramidkv', pyramid: { budget: 1 } } }, 1],
  [{ cache: { policy: 'pyramidkv', pyramid: { budget: 28 } } }, 0],
  [{ cache: { policy: 'pyramidkv', pyramid: { budget: 20, queries: 'text' } } }, 0],
  [{ cache: { policy: 'pyramidkv+hadamard', type: 'q4_0', pyramid: { budget: 20 } } }, 0],
  [{ cache: { policy: 'pyramidkv+gear', pyramid: { budget: 20 } } }, 0],
  [{ imagePruning: { keep: 9 } }, 0],
  [{ imagePruning: { keep: 9, method: 'pooling' } }, 0],
  [{ imagePruning: { keep: 9, method: 'random' } }, 0],
];

async function captions(engine: TextEngine): Promise<{ tokens: number[][]; bytes: number }> {
  const tokens: number[][] = [];
  let bytes = 0;
  for (let i = 0; i < PICTURES; i++) {
    const { image } = await sceneFor(engine, i);
    const answer = await ask(engine, [user('Describe the picture.', image)], { reuse: false });
    tokens.push(answer.tokens);
    bytes += answer.cacheBytes ?? NaN;
  }
  return { tokens, bytes };
}

const full = await (async () => {
  using engine = await loadShapes();
  return await captions(engine);
})();

describe.each(SETTINGS)('%j', (options, share) => {
  test('says what it loses, takes no more bytes, and captions pictures', async () => {
    using engine = await loadShapes(options);
    const { tokens, bytes } = await captions(engine);
    const same = tokens.filter((caption, i) => String(caption) === String(full.tokens[i])).length;
    expect(same / PICTURES).toBeGreaterThanOrEqual(share);
    expect(bytes).toBeLessThanOrEqual(full.bytes);
    expect(tokens.every(({ length }) => length > 0)).toBe(true);
    const { image } = await sceneFor(engine, 0);
    expect((await ask(engine, [user('Describe the picture.', image)])).lossy).toHaveLength(share === 1 ? 0 : 1);
  });

  test('a second turn, a cancelled answer and others beside it change no answer, and leave no byte that is not kept for reuse', async () => {
    using engine = await loadShapes({ ...options, keptSequences: 2 });
    const { cache } = engine.engine.runner;
    const { image, questions } = await sceneFor(engine, 3);
    const first = [user('Describe the picture.', image)];
    const caption = await ask(engine, first);
    const turns = questions.slice(0, 3).map((question) => [...first, assistant(caption.text), user(question)]);
    const cold: string[] = [];
    for (const turn of turns) cold.push((await ask(engine, turn, { reuse: false })).text);

    const abort = new AbortController();
    const cancelled = engine.generate({ input: { messages: first }, maxTokens: 40 }, abort.signal);
    await cancelled.next();
    const beside = turns.map((turn) => ask(engine, turn));
    abort.abort();
    for await (const event of cancelled) expect(event).toMatchObject({ type: 'done', result: { finishReason: 'cancelled' } });
    const texts = (await Promise.all(beside)).map(({ text }) => text);
    // Prompts that share a batch, or a past, are summed in another order: one answer may tip over where two words are nearly alike.
    expect(texts.filter((text, i) => text === cold[i]).length).toBeGreaterThanOrEqual(turns.length - 1);
    for (let i = 0; i < 4; i++) await ask(engine, [user(`${i}`.repeat(3))], { maxTokens: 2 });
    expect(cache.usedBytes()).toBeLessThan(full.bytes / PICTURES);
    if (cache.sharesNothing === true) expect(cache.usedBytes()).toBe(0);
  });
});

describe.each<EngineOptions['cache']>([
  { type: 'q4_0' },
  { policy: 'hadamard', type: 'q4_0' },
  { policy: 'gear', gear: { bits: 2 } },
  { policy: 'pyramidkv', pyramid: { budget: 20 } },
  { policy: 'pyramidkv+gear', gear: { bits: 2 }, pyramid: { budget: 20 } },
])('guesses over %j', (cache) => {
  test.each(['ngram', 'self-speculative'] as const)('%s: hundreds of tokens as plain decoding says them', async (strategy) => {
    using engine = await loadShapes({ cache: cache ?? {}, threads: 1 });
    const { runner, shape } = engine.engine;
    const tokens = pseudoRandomTokens(40, shape.vocabulary);
    const prompt = [{ type: 'tokens' as const, tokens }];
    const plain = await collect(engine.engine, { prompt, maxTokens: 260, reuse: false });
    const guessed = await collect(engine.engine, { prompt, maxTokens: 260, reuse: false, decoding: { strategy } });
    expect(guessed.result.decoding.drafted).toBeGreaterThan(0);
    // Sums of several tokens are of another order; where that tips two words over, all that follows differs.
    const common = plain.tokens.findIndex((token, i) => token !== guessed.tokens[i]);
    expect(common < 0 ? 260 : common).toBeGreaterThanOrEqual(100);
    expect(runner.cache.usedBytes()).toBe(0);
  });
});

test('a cache setting that means nothing is refused before anything is loaded', async () => {
  for (const cache of [
    { policy: 'gear', type: 'q8_0' },
    { policy: 'full', gear: { bits: 2 } },
    { policy: 'hadamard', pyramid: { budget: 0.5 } },
    { policy: 'pyramidkv', pyramid: { budget: 1.5 } },
    { policy: 'pyramidkv', pyramid: { window: 0 } },
    { policy: 'gear', gear: { rank: -1 } },
  ] as const) {
    await expect(loadShapes({ cache })).rejects.toMatchObject({ code: 'USAGE' });
  }
  await expect(loadShapes({ imagePruning: { keep: 0 } })).rejects.toMatchObject({ code: 'USAGE' });
});
