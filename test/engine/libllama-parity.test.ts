import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { LibllamaModel } from '../../src/engine/libllama/libllama-model.js';
import { quantise, type QuantisedType } from '../../src/engine/libllama/quantise.js';
import { argmax } from '../../src/engine/sampling/greedy-sampler.js';
import { largestDifference } from './support/compare.js';
import { editGguf, editTensor } from './support/edit-gguf.js';
import { readParityCase } from './support/parity-case.js';
import { teacherForced } from './support/teacher-forced.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';

const STEPS = 64;
const CONTEXT = 512;
/** Of logits of about ±8. The kernels are the same and so are the numbers, unless libllama splits its work in another way. */
const TOLERANCE = 1e-3;

/** libllama's greedy tokens and the logits they were chosen by. */
async function libllamaGreedy(model: string, prompt: readonly number[]): Promise<{ tokens: number[]; rows: Float32Array[] }> {
  using peer = new LibllamaModel({ model, threads: 1, context: CONTEXT, flashAttention: true });
  const tokens: number[] = [];
  const rows: Float32Array[] = [];
  for (let next = Int32Array.from(prompt); rows.length <= STEPS; next = Int32Array.of(tokens.at(-1) ?? NaN)) {
    await peer.append(next);
    rows.push(peer.logits());
    tokens.push(argmax(rows.at(-1) ?? new Float32Array()));
  }
  return { tokens, rows };
}

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
    const peer = await libllamaGreedy(model, promptIds);
    using engine = await Engine.load({ model, threads: 1, context: CONTEXT });
    const rows = await teacherForced(engine.runner, { tokens: Int32Array.from(promptIds) }, peer.tokens.slice(0, -1));
    const differences = rows.map((row, i) => largestDifference(row, peer.rows[i] ?? new Float32Array()));
    const explanation = `largest differences by step: ${differences.join(', ')}`;
    expect(rows.map(argmax), explanation).toEqual(peer.tokens);
    expect(Math.max(...differences), explanation).toBeLessThanOrEqual(TOLERANCE);
  });
});
