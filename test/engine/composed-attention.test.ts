import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import type { KvCacheOptions } from '../../src/engine/kv-cache/registry.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { relativeError } from './support/compare.js';
import { teacherForced } from './support/teacher-forced.js';
import { tinyModel } from './support/tiny-models.js';

/** Heads of this model share KV heads, so that attention for few tokens is composed. */
const { model } = await tinyModel('tiny-llama-bpe');
const CONTEXT = 512;

/** Logits of the last token of a prompt, then of ten tokens one by one. */
async function logits(cache: KvCacheOptions, prompt: number): Promise<Float32Array[]> {
  using engine = await Engine.load({ model, threads: 1, context: CONTEXT, cache });
  const tokens = pseudoRandomTokens(prompt + 10, engine.shape.vocabulary);
  return await teacherForced(engine.runner, { tokens: tokens.subarray(0, prompt) }, [...tokens.subarray(prompt)]);
}

function largestError(rows: readonly Float32Array[], expected: readonly Float32Array[]): number {
  return Math.max(...rows.map((row, i) => relativeError(row, expected[i] ?? new Float32Array())));
}

describe('attention composed of matrix products', () => {
  // 256 cells are one window; 63 tokens are composed themselves, 64 are not.
  test.each([1, 20, 63, 64, 300])('after a prompt of %i tokens it computes what flash attention computes', async (prompt) => {
    const [composed, fused] = [await logits({ type: 'f32' }, prompt), await logits({ type: 'f32', attention: 'fused' }, prompt)];
    expect(largestError(composed, fused)).toBeLessThan(1e-5);
  });

  test('in f16 it is nearer to f32 than flash attention is', async () => {
    const exact = await logits({ type: 'f32' }, 40);
    const composed = largestError(await logits({ type: 'f16' }, 40), exact);
    const fused = largestError(await logits({ type: 'f16', attention: 'fused' }, 40), exact);
    expect(composed).toBeLessThan(fused);
  });

  test('several tokens at a time get the logits they get one by one', async () => {
    using engine = await Engine.load({ model, threads: 1, context: CONTEXT });
    const { runner, shape } = engine;
    const tokens = pseudoRandomTokens(108, shape.vocabulary);
    const run = async (sizes: readonly number[]): Promise<Float32Array[]> => {
      const rows: Float32Array[] = [];
      let at = 0;
      for (const size of [100, ...sizes]) {
        const [all = new Float32Array()] = await runner.decode([{ sequence: 0, tokens: tokens.subarray(at, at + size), logits: 'all' }]);
        if (at >= 100) for (let i = 0; i < size; i++) rows.push(all.subarray(i * shape.vocabulary, (i + 1) * shape.vocabulary));
        at += size;
      }
      runner.truncate(0, 0);
      return rows;
    };
    const alone = await run([1, 1, 1, 1, 1, 1, 1, 1]);
    for (const sizes of [[8], [4, 4], [3, 5], [2, 1, 5]]) expect(largestError(await run(sizes), alone)).toBeLessThan(1e-5);
  });
});
