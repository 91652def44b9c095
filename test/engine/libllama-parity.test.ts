import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { quantise, type QuantisedType } from '../../src/engine/libllama/quantise.js';
import { argmax } from '../../src/engine/sampling/greedy-sampler.js';
import { largestDifference } from './support/compare.js';
import { editGguf, editTensor } from './support/edit-gguf.js';
import { libllamaGreedy, LIBLLAMA_TOLERANCE } from './support/libllama-greedy.js';
import { readParityCase } from './support/parity-case.js';
import { teacherForced } from './support/teacher-forced.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';

const CONTEXT = 512;

/** Halves the number of key heads of the SPM model: rows of 256 numbers, as K-quants need, and grouped queries. */
async function withGroupedQueries(from: string, out: string): Promise<string> {
  return editGguf(from, out, (contents) => {
    contents.metadata.set('llama.attention.head_count_kv', { type: 'u32', value: 2 });
    for (const name of [...contents.tensors.keys()].filter((key) => /attn_[kv]\.weight$/.test(key))) {
      editTensor(contents, name, ({ shape: [row = 0, rows = 0], data }) => ({
        shape: [row, rows / 2],
        data: async () => {
          const bytes = await data();
          return bytes.subarray(0, bytes.length / 2);
        },
      }));
    }
  });
}

describe.each([
  ['SPM vocabulary, multi-head', 'tiny-llama-spm', false],
  ['SPM vocabulary, grouped queries', 'tiny-llama-spm', true],
  ['BPE vocabulary, grouped queries, tied embeddings', 'tiny-llama-bpe', false],
] as const)('against the forward pass of libllama: %s', async (kind, name, group) => {
  const folder = await temporaryFolder();
  const [f32, f16] = await Promise.all(
    (['f32', 'f16'] as const).map(async (type) => {
      const { model } = await tinyModel(name, type);
      return group ? withGroupedQueries(model, join(folder, `${type}.gguf`)) : model;
    }),
  );
  const { promptIds } = await readParityCase(name);

  async function file(type: 'f16' | QuantisedType): Promise<string> {
    if (type === 'f16') return f16 ?? '';
    const out = join(folder, `${type}.gguf`);
    await quantise({ model: f32 ?? '', out, type, threads: 1 });
    return out;
  }

  test.each(['f16', 'q8_0', 'q4_0', 'q4_k_m'] as const)('%s: 64 greedy tokens are the same', async (type) => {
    const model = await file(type);
    const peer = await libllamaGreedy(model, promptIds, 64, CONTEXT);
    using engine = await Engine.load({ model, threads: 1, context: CONTEXT });
    const rows = await teacherForced(engine.runner, { tokens: Int32Array.from(promptIds) }, peer.tokens.slice(0, -1));
    const differences = rows.map((row, i) => largestDifference(row, peer.rows[i] ?? new Float32Array()));
    const explanation = `largest differences by step: ${differences.join(', ')}`;
    expect(rows.map(argmax), explanation).toEqual(peer.tokens);
    expect(Math.max(...differences), explanation).toBeLessThanOrEqual(LIBLLAMA_TOLERANCE);
  });
});
