import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { relativeError } from '../../../test/engine/support/compare.js';
import { temporaryFolder, tinyModel } from '../../../test/engine/support/tiny-models.js';
import { synthesizeModel } from '../../convert/synthesize/synthesize-model.js';
import { pseudoRandomTokens } from '../../runtimes/pseudo-random-tokens.js';
import { Engine } from '../engine.js';
import { canCopy, KV_CACHE_POLICIES, kvCacheBytes, type KvCacheOptions, type KvCachePolicy } from './registry.js';

const { model } = await tinyModel('tiny-llama-bpe');
/** Heads of 64 values, as GEAR groups them. */
const wideModel = join(await temporaryFolder(), 'wide.gguf');
await synthesizeModel({ shape: 'tiny', architecture: 'llama', type: 'f16', seed: 1, planted: undefined, threads: 1, out: wideModel });
const CELLS = 320;

/** Settings to try, and how far logits may move when the same past lies elsewhere in the cache, or came in other pieces. */
interface Setting extends KvCacheOptions {
  readonly tolerance: number;
}

/** Attending for one token, ggml sums f16 values in f16; for many tokens in f32 (`ggml_compute_forward_flash_attn_ext`). */
const F16_SUMS = 1e-2;
/** What is stored depends on the pieces that a past came in, for tokens that are compressed at another time. */
const OTHER_PIECES = 2e-2;

const SETTINGS: Record<KvCachePolicy, readonly Setting[]> = {
  full: [
    { type: 'f32', tolerance: 1e-5 },
    { type: 'f16', tolerance: F16_SUMS },
    { type: 'q8_0', tolerance: F16_SUMS },
    { type: 'q4_0', tolerance: F16_SUMS },
  ],
  hadamard: [
    { type: 'q8_0', tolerance: F16_SUMS },
    { type: 'q4_0', tolerance: F16_SUMS },
  ],
  gear: [
    { gear: { bits: 4 }, tolerance: OTHER_PIECES },
    { gear: { bits: 2, rank: 4 }, tolerance: OTHER_PIECES },
    { gear: { bits: 2, rank: 0, outliers: 0 }, tolerance: OTHER_PIECES },
  ],
  pyramidkv: [{ type: 'f32', tolerance: 1e-5 }],
  'pyramidkv+hadamard': [{ type: 'q4_0', tolerance: F16_SUMS }],
  'pyramidkv+gear': [{ gear: { bits: 4 }, tolerance: OTHER_PIECES }],
};
const CASES = KV_CACHE_POLICIES.flatMap((policy) =>
  SETTINGS[policy].map(({ tolerance, ...options }) => ({
    name: [policy, JSON.stringify(options)].join(' '),
    tolerance,
    options: { policy, ...options },
  })),
);

describe.each(CASES)('the cache policy $name', async ({ tolerance, options }) => {
  const sizes = { threads: 1, context: CELLS, cacheRamBytes: 0 };
  const engine = await Engine.load({ model: options.gear === undefined ? model : wideModel, ...sizes, cache: options });
  const { runner, shape } = engine;
  const { cache } = runner;
  const words = pseudoRandomTokens(CELLS, shape.vocabulary, 1);
  const otherWords = pseudoRandomTokens(CELLS, shape.vocabulary, 2);
  afterAll(() => {
    engine[Symbol.dispose]();
  });

  async function append(sequence: number, tokens: Int32Array): Promise<Float32Array> {
    const [logits = new Float32Array()] = await runner.decode([{ sequence, tokens, logits: 'last' }]);
    return logits;
  }
  /** Logits after `tokens` in a cache that holds nothing else. */
  async function alone(tokens: Int32Array): Promise<Float32Array> {
    const logits = await append(1000, tokens);
    runner.truncate(1000, 0);
    return logits;
  }
  function free(...sequences: number[]): void {
    for (const sequence of sequences) runner.truncate(sequence, 0);
  }
  function expectSame(actual: Float32Array, expected: Float32Array): void {
    expect(relativeError(actual, expected)).toBeLessThanOrEqual(tolerance);
  }

  test('a plan takes nothing until it is committed', () => {
    const plan = cache.plan([{ sequence: 1, count: CELLS }]);
    expect([plan.tokens, cache.length(1)]).toEqual([CELLS, 0]);
    expect(cache.plan([{ sequence: 2, count: CELLS }]).tokens).toBe(CELLS);
    cache.commit(plan);
    expect([cache.length(1), cache.length(2)]).toEqual([CELLS, 0]);
    expect(() => cache.plan([{ sequence: 2, count: 1 }])).toThrow(expect.objectContaining({ code: 'CONTEXT_FULL' }));
    free(1);
    expect(cache.length(1)).toBe(0);
  });

  test('positions go on from the length of each sequence, also when it comes twice in a batch', async () => {
    await append(1, words.subarray(0, 5));
    const { positions } = cache.plan([
      { sequence: 1, count: 2 },
      { sequence: 2, count: 3 },
      { sequence: 1, count: 1 },
    ]);
    expect([...positions]).toEqual([5, 6, 0, 1, 2, 7]);
    free(1);
  });

  test('tokens that were taken back leave no trace', async () => {
    const expected = await alone(words.subarray(0, 25));
    await append(1, words.subarray(0, 20));
    await append(1, otherWords.subarray(0, 9));
    runner.truncate(1, 20);
    expect(cache.length(1)).toBe(20);
    expectSame(await append(1, words.subarray(20, 25)), expected);
    // Beyond the end there is nothing to take back.
    runner.truncate(1, 30);
    expect(cache.length(1)).toBe(25);
    free(1);
  });

  test('sequences do not see each other, in one batch or in turns', async () => {
    const expected = [await alone(words.subarray(0, 12)), await alone(otherWords.subarray(0, 12))] as const;
    for (let at = 0; at < 9; at += 3) {
      await append(1, words.subarray(at, at + 3));
      await append(2, otherWords.subarray(at, at + 3));
    }
    const [one = new Float32Array(), two = new Float32Array()] = await runner.decode([
      { sequence: 1, tokens: words.subarray(9, 12), logits: 'last' },
      { sequence: 2, tokens: otherWords.subarray(9, 12), logits: 'last' },
    ]);
    expectSame(one, expected[0]);
    expectSame(two, expected[1]);
    free(1, 2);
  });

  test('a sequence may lie in the holes that others left', async () => {
    const expected = await alone(words.subarray(0, 40));
    for (let i = 0; i < 10; i++) await append(i + 1, otherWords.subarray(0, 7));
    free(2, 4, 5, 8);
    expectSame(await append(11, words.subarray(0, 40)), expected);
    free(1, 3, 6, 7, 9, 10, 11);
  });

  test('a sequence sees its past also where it goes on in a hole far before it', async () => {
    const expected = await alone(words.subarray(0, 290));
    await append(1, otherWords.subarray(0, 20));
    await append(2, words.subarray(0, 289));
    free(1);
    expectSame(await append(2, words.subarray(289, 290)), expected);
    free(2);
  });

  test('a past that is shared serves both sequences, whatever becomes of either', async () => {
    const [past, one, two] = [words.subarray(0, 60), words.subarray(60, 72), otherWords.subarray(0, 12)] as const;
    const expected = [await alone(Int32Array.of(...past, ...one)), await alone(Int32Array.of(...past, ...two))] as const;
    await append(1, Int32Array.of(...past, ...one.subarray(0, 5)));
    const shared = cache.share(1, 2, past.length);
    expect(cache.length(2)).toBe(shared);
    await append(2, Int32Array.of(...past.subarray(shared), ...two.subarray(0, 5)));
    // Taking back what is shared, in either, takes it from that one only.
    cache.share(1, 3, 30);
    runner.truncate(3, 10);
    const both = await runner.decode([
      { sequence: 1, tokens: one.subarray(5), logits: 'last' },
      { sequence: 2, tokens: two.subarray(5), logits: 'last' },
    ]);
    both.forEach((logits, i) => {
      expectSame(logits, expected[i] ?? new Float32Array());
    });
    runner.truncate(2, past.length);
    free(1, 3);
    await append(4, otherWords.subarray(0, 40));
    expectSame(await append(2, two), expected[1]);
    free(2, 4);
    const whole = cache.plan([{ sequence: 5, count: CELLS }]);
    expect(whole.tokens).toBe(CELLS);
  });

  test('tokens that were copied out come back bit by bit, and serve wherever they then lie', async () => {
    expect(canCopy(options)).toBe(cache.copies !== undefined);
    if (cache.copies === undefined) return;
    const { copies } = cache;
    const [past, rest] = [words.subarray(0, 70), words.subarray(70, 90)] as const;
    await append(1, past);
    const expected = await append(1, rest);
    runner.truncate(1, past.length);
    const pages = [0, 32, 64].map((from) => {
      const page = new Uint8Array(32 * copies.tokenBytes);
      copies.save(1, from, Math.min(32, past.length - from), page);
      return { page, from };
    });
    free(1);
    await append(2, otherWords.subarray(0, 100));
    free(2);
    for (const { page, from } of pages) copies.restore(3, page, 0, Math.min(32, past.length - from));
    expect(cache.length(3)).toBe(past.length);
    // In the cells that it had: the very same sums.
    expect(await append(3, rest)).toEqual(expected);
    free(3);
    // In holes, in part from the middle of a page, behind a past that is shared, and twice at once.
    for (let i = 0; i < 10; i++) await append(i + 10, otherWords.subarray(0, 7));
    free(11, 13, 14, 17);
    await append(4, past.subarray(0, 10));
    cache.share(4, 5, 10);
    for (const sequence of [4, 5]) {
      for (const { page, from } of pages) {
        const first = from === 0 ? 10 : 0;
        copies.restore(sequence, page, first, Math.min(32, past.length - from) - first);
      }
    }
    expectSame(await append(4, rest), expected);
    expectSame(await append(5, rest), expected);
    free(4, 10, 12, 15, 16, 18, 19);
    // What does not fit is refused whole.
    await append(6, otherWords.subarray(0, CELLS - 90 - 31));
    expect(() => {
      copies.restore(5, pages[0]?.page ?? new Uint8Array(), 0, 32);
    }).toThrow(expect.objectContaining({ code: 'CONTEXT_FULL' }));
    expect(cache.length(5)).toBe(90);
    free(5, 6);
  });

  test('sharing takes no cells, ends with the shorter past, and refuses a sequence that has one', async () => {
    await append(1, words.subarray(0, CELLS - 10));
    const shared = cache.share(1, 2, CELLS);
    expect(shared).toBeLessThanOrEqual(CELLS - 10);
    expect(cache.share(9, 3, 20)).toBe(0);
    if (shared > 0) {
      expect(() => cache.share(1, 2, 5)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
      expect(cache.plan([{ sequence: 2, count: 10 }]).positions[0]).toBe(shared);
    }
    free(1, 2);
  });

  test('grows past the end of an attention window with the logits of one long prompt', async () => {
    const length = 262;
    const tokens = words.subarray(0, length);
    const [all = new Float32Array()] = await runner.decode([{ sequence: 1, tokens, logits: 'all' }]);
    free(1);
    await append(1, tokens.subarray(0, 250));
    for (let at = 250; at < length; at++) {
      const expected = all.subarray(at * shape.vocabulary, (at + 1) * shape.vocabulary);
      expectSame(await append(1, tokens.subarray(at, at + 1)), expected);
    }
    free(1);
  });

  test('refuses what does not fit and keeps what it has', async () => {
    const expected = await alone(words.subarray(0, 301));
    await append(1, words.subarray(0, 300));
    await expect(append(2, otherWords.subarray(0, CELLS - 299))).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
    expect([cache.length(1), cache.length(2)]).toEqual([300, 0]);
    expectSame(await append(1, words.subarray(300, 301)), expected);
    free(1);
  });

  test('counts every byte it holds', () => {
    const planned = kvCacheBytes({ ...shape, cells: CELLS }, options);
    expect(planned).toBeGreaterThan(0);
    expect(cache.bytes).toBeGreaterThanOrEqual(planned);
    expect(engine.description.cacheBytes).toBe(cache.bytes);
  });

  test('tells the bytes that tokens lie in, of each sequence and of all, and none when all are gone', async () => {
    expect(cache.usedBytes()).toBe(0);
    await append(1, words.subarray(0, 200));
    const one = cache.usedBytes(1);
    await append(2, otherWords.subarray(0, 20));
    expect(cache.usedBytes(2)).toBeGreaterThan(0);
    expect(cache.usedBytes()).toBe(one + cache.usedBytes(2));
    expect(cache.usedBytes()).toBeLessThan(cache.bytes);
    free(1, 2);
    expect(cache.usedBytes()).toBe(0);
  });

  test('a batch that was cancelled leaves no trace', async () => {
    const expected = await alone(words.subarray(0, 60));
    await append(1, words.subarray(0, 50));
    const aborted = runner.decode([{ sequence: 1, tokens: otherWords.subarray(0, 30), logits: 'last' }], AbortSignal.abort());
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(cache.length(1)).toBe(50);
    expectSame(await append(1, words.subarray(50, 60)), expected);
    free(1);
  });

  test('the end of a prompt may come in any pieces; the answer after it is that of the prompt in one', async () => {
    const prompt = words.subarray(0, 90);
    const ends = { promptEnd: { textTokens: 20 }, logits: 'last' } as const;
    await runner.decode([{ sequence: 1, tokens: prompt, ...ends }]);
    await append(2, prompt.subarray(0, 30));
    await runner.decode([{ sequence: 2, tokens: prompt.subarray(30), ...ends }]);
    const [one, two] = [await append(1, otherWords.subarray(0, 5)), await append(2, otherWords.subarray(0, 5))];
    expect([cache.length(1), cache.length(2)]).toEqual([95, 95]);
    expectSame(two, one);
    // Guesses after it are taken back like any.
    runner.truncate(1, 92);
    expectSame(await append(1, otherWords.subarray(2, 5)), one);
    free(1, 2);
  });
});
