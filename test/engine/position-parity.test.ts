import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { argmax } from '../../src/engine/sampling/greedy-sampler.js';
import { checkLogits, TEXT_BOUND } from './support/check-logits.js';
import { largestDifference } from './support/compare.js';
import { editGguf } from './support/edit-gguf.js';
import { ggufEntry } from './support/gguf-key.js';
import { libllamaGreedy, LIBLLAMA_TOLERANCE } from './support/libllama-greedy.js';
import { readParityCase, type TinyRope } from './support/parity-case.js';
import { teacherForced } from './support/teacher-forced.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';

const { model } = await tinyModel('tiny-llama-bpe');
const folder = await temporaryFolder();
const CASES: TinyRope[] = ['rope-linear', 'rope-llama3', 'rope-yarn', 'rope-yarn-attention', 'sliding-window'];

/** The tiny model with a case's keys and rotary factors. */
async function modelOf(name: TinyRope): Promise<string> {
  const { keys = [], ropeFactors } = await readParityCase(name);
  return editGguf(model, join(folder, `${name}.gguf`), ({ metadata, tensors }) => {
    for (const [key, value] of keys.map(ggufEntry)) metadata.set(key, value);
    if (ropeFactors === undefined) return;
    const data = (): Uint8Array => new Uint8Array(Float32Array.from(ropeFactors).buffer);
    tensors.set('rope_freqs.weight', { name: 'rope_freqs.weight', type: 'f32', shape: [ropeFactors.length], data });
  });
}

test.each(CASES)('%s: logits agree with Hugging Face in float32, and every greedy token is the same', async (name) => {
  const reference = await readParityCase(name);
  await checkLogits(await modelOf(name), { tokens: Int32Array.from(reference.promptIds) }, reference, TEXT_BOUND);
});

// libllama's LLaMA graph reads neither a checkpoint's own YaRN factors nor a sliding window.
test.each(['rope-linear', 'rope-llama3', 'rope-yarn'] as const)('%s: 32 greedy tokens are those of libllama', async (name) => {
  const { promptIds } = await readParityCase(name);
  const scaled = await modelOf(name);
  const peer = await libllamaGreedy(scaled, promptIds, 32, 512);
  using engine = await Engine.load({ model: scaled, threads: 1, context: 512 });
  const rows = await teacherForced(engine.runner, { tokens: Int32Array.from(promptIds) }, peer.tokens.slice(0, -1));
  expect(rows.map(argmax)).toEqual(peer.tokens);
  const differences = rows.map((row, i) => largestDifference(row, peer.rows[i] ?? new Float32Array()));
  expect(Math.max(...differences)).toBeLessThanOrEqual(LIBLLAMA_TOLERANCE);
});

test('a sliding window is the same window however the prompt is cut into batches', async () => {
  const reference = await readParityCase('sliding-window');
  const sliding = await modelOf('sliding-window');
  const rows = async (microBatch: number): Promise<Float32Array[]> => {
    using engine = await Engine.load({ model: sliding, threads: 1, context: 512, microBatch, cache: { type: 'f32' } });
    return await teacherForced(engine.runner, { tokens: Int32Array.from(reference.promptIds) }, reference.generatedIds.slice(0, 3));
  };
  const [whole, cut] = [await rows(512), await rows(7)];
  cut.forEach((row, i) => {
    row.forEach((value, token) => {
      expect(value).toBeCloseTo(whole[i]?.[token] ?? NaN, 3);
    });
  });
});
