import { describe, expect, test } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import { DECODING_STRATEGIES } from '../../src/core/decoding.js';
import type { ImageTile } from '../../src/core/image.js';
import type { EmbeddingRows } from '../../src/engine/decoder-runner.js';
import { Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/engine-options.js';
import { KV_CACHE_POLICIES } from '../../src/engine/kv-cache/registry.js';
import type { PromptPiece } from '../../src/engine/prompt.js';
import { argmax } from '../../src/engine/sampling/greedy-sampler.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { ask, loadShapes, user } from './support/ask.js';
import { collect } from './support/collect.js';

const files = await findModel({ model: 'shapes' });
const CONTEXT = 192;
/** Over three contexts. */
const ANSWER = 400;

/** With a second sequence's place, for the reference. */
function load(options: Partial<EngineOptions> = {}): Promise<Engine> {
  return Engine.load({ ...files, threads: 1, context: 2 * CONTEXT, sequences: 2, keptSequences: 0, ...options });
}

interface Prompt {
  readonly pieces: readonly PromptPiece[];
  readonly tokens: Int32Array;
  readonly embeddings: readonly EmbeddingRows[];
  readonly textTokens: number;
}

async function pictureAndWords(engine: Engine, words: number): Promise<Prompt> {
  const { encoder, tokensPerTile, shape } = engine;
  if (encoder === null) throw new Error('no encoder');
  const side = encoder.family.tower.shape.imageSize;
  const tile: ImageTile = { width: side, height: side, rgb: Uint8Array.from(pseudoRandomTokens(3 * side * side, 256, 1)) };
  const text = pseudoRandomTokens(words, shape.vocabulary, 2);
  return {
    pieces: [
      { type: 'tile', tile },
      { type: 'tokens', tokens: text },
    ],
    tokens: Int32Array.of(...new Int32Array(tokensPerTile), ...text),
    embeddings: [{ at: 0, values: await encoder.encode(tile) }],
    textTokens: words,
  };
}

/** The same answer by hand: at every full context a sequence is begun anew with what is left of the last one. */
async function byHand({ runner }: Engine, { tokens, embeddings, textTokens }: Prompt, keep: number): Promise<number[]> {
  const sequence = 1e6;
  const start = { sequence, tokens: tokens.subarray(0, keep), embeddings, logits: 'last' as const };
  const beginWith = async (tail: readonly number[]): Promise<Float32Array> => {
    runner.truncate(sequence, 0);
    const promptEnd = keep === tokens.length ? { promptEnd: { textTokens } } : {};
    let [logits = new Float32Array()] = await runner.decode([{ ...start, ...promptEnd }]);
    if (tail.length > 0) [logits = logits] = await runner.decode([{ sequence, tokens: Int32Array.from(tail), logits: 'last' }]);
    return logits;
  };
  let behind = [...tokens.subarray(keep)];
  let logits = await beginWith(behind);
  const answer: number[] = [];
  for (;;) {
    const token = argmax(logits);
    answer.push(token);
    if (answer.length === ANSWER) break;
    if (keep + behind.length === CONTEXT) {
      behind = behind.slice(Math.ceil(behind.length / 2));
      await beginWith(behind);
    }
    behind.push(token);
    [logits = logits] = await runner.decode([{ sequence, tokens: Int32Array.of(token), logits: 'last' }]);
  }
  runner.truncate(sequence, 0);
  return answer;
}

describe('an answer that fills its context', () => {
  const caches: NonNullable<EngineOptions['cache']>[] = [
    ...KV_CACHE_POLICIES.map((policy) => ({ policy })),
    { type: 'f32' },
    { policy: 'full', type: 'q4_0' },
  ];
  test.each(caches)('goes on as if it had begun with what is left: $policy $type', async (cache) => {
    using engine = await load({ cache });
    const prompt = await pictureAndWords(engine, 12);
    const task = { prompt: prompt.pieces, maxTokens: ANSWER, contextShift: true, reuse: false };
    const { tokens, result } = await collect(engine, task);
    expect(tokens).toEqual(await byHand(engine, prompt, prompt.tokens.length));
    expect(result.finishReason).toBe('length');
    expect(result.lossy.at(-1)).toMatch(/^the context was full \d+ times/);
    expect(engine.runner.cache.usedBytes()).toBe(0);
  });

  test('drops of a long prompt what comes after its last picture', async () => {
    using engine = await load();
    const prompt = await pictureAndWords(engine, 120);
    const { tokens } = await collect(engine, { prompt: prompt.pieces, maxTokens: ANSWER, contextShift: true, reuse: false });
    expect(tokens).toEqual(await byHand(engine, prompt, engine.tokensPerTile));
  });

  test('leaves a past that later prompts may begin with', async () => {
    using engine = await load({ keptSequences: 4, cache: { type: 'f32' } });
    const { pieces } = await pictureAndWords(engine, 12);
    const task = { prompt: pieces, maxTokens: ANSWER, contextShift: true };
    const cold = await collect(engine, { ...task, reuse: false });
    const [first, second] = [await collect(engine, task), await collect(engine, task)];
    expect(second.result.cachedTokens).toBeGreaterThan(0);
    // Other cells sum in another order: later on that may tip a scale.
    const start = cold.tokens.slice(0, 20);
    expect([first.tokens.slice(0, 20), second.tokens.slice(0, 20)]).toEqual([start, start]);
    expect(second.tokens).toHaveLength(ANSWER);
  });

  test.each(DECODING_STRATEGIES.filter((strategy) => strategy !== 'speculative'))('goes on however it is found: %s', async (strategy) => {
    using engine = await load();
    const { pieces } = await pictureAndWords(engine, 12);
    const decoding = { strategy, adaptive: false, ngramMin: 1 };
    const { tokens, result } = await collect(engine, { prompt: pieces, maxTokens: ANSWER, contextShift: true, decoding });
    expect([tokens.length, result.finishReason]).toEqual([ANSWER, 'length']);
    expect(result.lossy.at(-1)).toContain('the context was full');
  });

  test('ends there where nothing was said, and where what is protected fills it', async () => {
    using engine = await load();
    const { pieces } = await pictureAndWords(engine, 12);
    await expect(collect(engine, { prompt: pieces, maxTokens: ANSWER })).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
    // Eleven pictures leave room for 16 tokens.
    const pictures = Array.from({ length: 11 }, () => pieces.slice(0, 1)).flat();
    const full = collect(engine, {
      prompt: pictures,
      maxTokens: ANSWER,
      contextShift: true,
      decoding: { strategy: 'ngram', draftTokens: 64 },
    });
    await expect(full).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
  });

  test('is told apart where requests and the engine say different things', async () => {
    using engine = await loadShapes({ context: 96, contextShift: true, keptSequences: 0 });
    const request = { grammar: { gbnf: 'root ::= [a-z ]{1000} [a-z ]{1000}' }, maxTokens: 300 };
    const shifted = await ask(engine, [user('Describe.')], request);
    expect([shifted.tokens.length, shifted.finishReason, shifted.warnings]).toEqual([300, 'length', []]);
    expect(shifted.lossy?.at(-1)).toContain('the context was full');
    const ended = await ask(engine, [user('Describe.')], { ...request, contextShift: false });
    expect([ended.tokens.length < 96, ended.finishReason, ended.lossy]).toEqual([true, 'length', []]);
    expect(ended.warnings).toEqual([expect.stringMatching(/^only \d+ of 300 new tokens fit/)]);
    expect(shifted.tokens.slice(0, ended.tokens.length)).toEqual(ended.tokens);
  });
});
