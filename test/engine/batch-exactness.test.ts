import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { quantise } from '../../src/engine/libllama/quantise.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { largestDifference } from './support/compare.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';

const { model: original } = await tinyModel('tiny-llama-bpe', 'f32');
const folder = await temporaryFolder();
const PAST = 40;

/** Logits of the tokens after a past, appended in batches of these sizes. */
async function logits(engine: Engine, sizes: readonly number[]): Promise<Float32Array[]> {
  const { runner, shape } = engine;
  const tokens = pseudoRandomTokens(PAST + 8, shape.vocabulary);
  await runner.decode([{ sequence: 0, tokens: tokens.subarray(0, PAST), logits: 'last' }]);
  const rows: Float32Array[] = [];
  let at = PAST;
  for (const size of sizes) {
    const [all = new Float32Array()] = await runner.decode([{ sequence: 0, tokens: tokens.subarray(at, at + size), logits: 'all' }]);
    for (let i = 0; i < size; i++) rows.push(all.slice(i * shape.vocabulary, (i + 1) * shape.vocabulary));
    at += size;
  }
  runner.truncate(0, 0);
  return rows;
}

describe('tokens that are checked together', () => {
  test.each(['q8_0', 'f32'] as const)('%s: up to five get the logits they get one by one, bit by bit', async (type) => {
    const model = join(folder, `${type}.gguf`);
    if (type === 'q8_0') await quantise({ model: original, out: model, type, threads: 1 });
    using engine = await Engine.load({ model: type === 'f32' ? original : model, threads: 1, context: 64 });
    const alone = await logits(engine, [1, 1, 1, 1, 1, 1, 1, 1]);
    for (const sizes of [
      [2, 2, 4],
      [3, 5],
      [5, 1, 2],
    ]) {
      expect(await logits(engine, sizes)).toEqual(alone);
    }
    // Eight take the kernel for many rows, which sums in another order.
    const together = await logits(engine, [8]);
    expect(Math.max(...together.map((row, i) => largestDifference(row, alone[i] ?? new Float32Array())))).toBeLessThan(0.5);
  });
});
