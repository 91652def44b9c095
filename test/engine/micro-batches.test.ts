import { describe, expect, test } from 'vitest';
import type { BatchEntry } from '../../src/engine/decoder-runner.js';
import { Engine } from '../../src/engine/engine.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { relativeError } from './support/compare.js';
import { tinyModel } from './support/tiny-models.js';

const { model } = await tinyModel('tiny-llama-bpe');
const EMBEDDING = 64;
const VOCABULARY = 320;
/** f32 sums in another order. */
const TOLERANCE = 1e-5;

/** Three sequences of different length; pictures begin, end and straddle what micro-batches cut. */
const embeddings = [3, 11, 30].map((at, i) => ({
  at,
  values: Float32Array.from(pseudoRandomTokens(EMBEDDING * (i + 4), 1000, 20 + i), (value) => value / 500 - 1),
}));
const BATCH: BatchEntry[] = [
  { sequence: 1, tokens: pseudoRandomTokens(41, VOCABULARY, 1), embeddings, logits: 'all' },
  { sequence: 2, tokens: pseudoRandomTokens(7, VOCABULARY, 2), logits: 'none' },
  { sequence: 3, tokens: pseudoRandomTokens(23, VOCABULARY, 3), logits: 'last' },
];

async function logits(microBatch: number, threads: number): Promise<Float32Array[]> {
  using engine = await Engine.load({ model, threads, context: 256, microBatch, cache: { type: 'f32' } });
  const results = await engine.runner.decode(BATCH);
  expect(BATCH.map(({ sequence }) => engine.runner.cache.length(sequence))).toEqual([41, 7, 23]);
  const [next = new Float32Array()] = await engine.runner.decode([{ sequence: 2, tokens: Int32Array.of(5), logits: 'last' }]);
  return [...results, next];
}

describe('logits do not depend on how a batch is cut and computed', async () => {
  const whole = await logits(512, 1);

  test('they are as many as were asked for', () => {
    expect(whole.map(({ length }) => length)).toEqual([41 * VOCABULARY, 0, VOCABULARY, VOCABULARY]);
  });

  test.each([
    [1, 1],
    [5, 1],
    [16, 1],
    [41, 1],
    [512, 2],
  ])('in pieces of %i tokens on %i threads', async (microBatch, threads) => {
    const pieces = await logits(microBatch, threads);
    for (const i of [0, 2, 3])
      expect(relativeError(pieces[i] ?? new Float32Array(), whole[i] ?? new Float32Array())).toBeLessThanOrEqual(TOLERANCE);
  });
});
