import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quantiseModel } from '../../src/convert/quantise/quantise-model.js';
import { plantChain } from '../../src/convert/synthesize/planted-chain.js';
import { SHAPE_NAMES, SHAPES, type ModelShape } from '../../src/convert/synthesize/shapes.js';
import { synthesizeModel, type SynthesizeRequest } from '../../src/convert/synthesize/synthesize-model.js';
import { syntheticVocabulary } from '../../src/convert/synthesize/synthetic-vocabulary.js';
import { Engine } from '../../src/engine/engine.js';
import { LibllamaModel } from '../../src/engine/libllama/libllama-model.js';
import { argmax } from '../../src/engine/sampling/greedy-sampler.js';
import { readGguf } from '../../src/formats/gguf/read-gguf.js';
import { Vocabulary } from '../../src/engine/vocabulary/vocabulary.js';
import { temporaryFolder } from '../engine/support/tiny-models.js';

const folder = await temporaryFolder();
const CHAIN = 7;
const VOCABULARY = 2048;
const { firstWord } = syntheticVocabulary(VOCABULARY, { images: true });
const START = 1;
let files = 0;

async function made(request: Partial<SynthesizeRequest> = {}): Promise<string> {
  const out = join(folder, `${files++}.gguf`);
  await synthesizeModel({ shape: 'tiny', architecture: 'llama', type: 'q8_0', seed: 1, planted: undefined, threads: 1, ...request, out });
  return out;
}

/** Greedy tokens after `START`. */
async function generated(model: string, count: number): Promise<number[]> {
  using engine = await Engine.load({ model, threads: 1, context: count + 8 });
  const tokens = [START];
  while (tokens.length <= count) {
    const [logits = new Float32Array()] = await engine.runner.decode([
      { sequence: 0, tokens: Int32Array.of(tokens.at(-1) ?? NaN), logits: 'last' },
    ]);
    tokens.push(argmax(logits));
  }
  return tokens.slice(1);
}

function chainFrom(start: number, count: number, agree: number): number[] {
  const { next } = plantChain(CHAIN, firstWord, VOCABULARY, agree);
  const tokens: number[] = [];
  for (let token = next(start); tokens.length < count; token = next(token)) tokens.push(token);
  return tokens;
}

describe('a planted chain', () => {
  test.each(['f16', 'q8_0', 'q4_0', 'q4_k_m'] as const)('is what our engine and libllama generate from a %s file', async (type) => {
    const model = await made({ type, planted: { seed: CHAIN, agree: 1 } });
    const expected = chainFrom(START, 64, 1);
    expect(await generated(model, 64)).toEqual(expected);
    using peer = new LibllamaModel({ model, threads: 1, context: 128 });
    const theirs: number[] = [];
    for (let token = START; theirs.length < 64; token = theirs.at(-1) ?? NaN) {
      await peer.append(Int32Array.of(token));
      theirs.push(argmax(peer.logits()));
    }
    expect(theirs).toEqual(expected);
  });

  test('does not depend on the weights, and the layers do their work', async () => {
    const rows: Float32Array[] = [];
    for (const seed of [1, 2]) {
      using engine = await Engine.load({ model: await made({ seed, planted: { seed: CHAIN, agree: 1 } }), threads: 1, context: 64 });
      // The same token after different ones: what the layers see differs, and so must what they add.
      for (const before of [500, 600]) {
        const [logits = new Float32Array()] = await engine.runner.decode([
          { sequence: 0, tokens: Int32Array.of(before, 700), logits: 'last' },
        ]);
        engine.runner.truncate(0, 0);
        rows.push(logits);
      }
    }
    expect(new Set(rows.map(argmax))).toEqual(new Set([plantChain(CHAIN, firstWord, VOCABULARY, 1).next(700)]));
    expect(new Set(rows.map((row) => row[5])).size).toBe(4);
  });

  test('of a second file agrees on the share asked for, within binomial bounds over 1200 tokens', async () => {
    const agree = 0.8;
    const count = 1200;
    const expected = chainFrom(START, count, 1);
    using drafter = await Engine.load({ model: await made({ seed: 2, planted: { seed: CHAIN, agree } }), threads: 1, context: count + 8 });
    const fed = Int32Array.from([START, ...expected.slice(0, -1)]);
    const [logits = new Float32Array()] = await drafter.runner.decode([{ sequence: 0, tokens: fed, logits: 'all' }]);
    const agreed = expected.filter((token, i) => argmax(logits.subarray(i * VOCABULARY, (i + 1) * VOCABULARY)) === token).length;
    const deviation = Math.sqrt(agree * (1 - agree) * count);
    expect(Math.abs(agreed - agree * count)).toBeLessThan(4 * deviation);
    // Where it differs it follows its own chain.
    expect(await generated(await made({ seed: 3, planted: { seed: CHAIN, agree } }), 64)).toEqual(chainFrom(START, 64, agree));
  });
});

describe('a synthetic file', () => {
  test('is the same for the same request, byte for byte, and says that it is synthetic', async () => {
    const planted = { seed: CHAIN, agree: 0.8 };
    const [a, b, other] = [await made({ planted }), await made({ planted, threads: 3 }), await made({ planted, seed: 2 })];
    expect((await readFile(a)).equals(await readFile(b))).toBe(true);
    expect((await readFile(a)).equals(await readFile(other))).toBe(false);
    const { metadata } = await readGguf(a);
    expect(metadata.string('general.name')).toMatch(/^Synthetic tiny \(planted chain 7/);
    expect(metadata.string('general.description')).toMatch(/mean nothing/);
    expect([metadata.number('edgevlm.synthetic.seed'), metadata.number('edgevlm.synthetic.agree')]).toEqual([1, 0.8]);
  });

  test.each(['q8_0', 'q4_0', 'q4_k_m', 'q5_k_m', 'q6_k'] as const)(
    'of type %s has the types that libllama gives that mix',
    async (type) => {
      const direct = await readGguf(await made({ type }));
      const { path } = await quantiseModel({ model: await made({ type: 'f16' }), out: join(folder, `${files++}.gguf`), type, threads: 1 });
      const quantised = new Map((await readGguf(path)).tensors.map((tensor) => [tensor.name, tensor.type]));
      expect(Object.fromEntries(direct.tensors.map((tensor) => [tensor.name, tensor.type]))).toEqual(Object.fromEntries(quantised));
    },
  );

  test('of both halves is loaded as one model, and its tokens are text', async () => {
    const model = await made({ planted: { seed: CHAIN, agree: 1 } });
    using engine = await Engine.load({ model, mmproj: await made({ architecture: 'clip' }), threads: 1, context: 64 });
    expect(engine.tokensPerTile).toBe(4);
    using vocabulary = new Vocabulary(model);
    const tokens = vocabulary.tokenise('Hello <image>', { addSpecial: true, parseSpecial: true });
    // BOS, the leading space, and one token for each character; the marker is one token.
    expect(tokens).toHaveLength(1 + 1 + 6 + 1);
    expect(Buffer.concat((await generated(model, 3)).map((token) => vocabulary.piece(token))).toString()).toMatch(/^ w\d+ w\d+ w\d+$/);
    expect([vocabulary.size, vocabulary.isEnd(2), vocabulary.isControl(firstWord - 1)]).toEqual([VOCABULARY, true, true]);
  });

  test.each(SHAPE_NAMES)('%s has heads that fit its width', (name) => {
    const { decoder, vision }: ModelShape = SHAPES[name];
    expect([decoder, vision].some((half) => half !== undefined)).toBe(true);
    if (decoder !== undefined) {
      expect([decoder.heads * decoder.headDim, decoder.heads % decoder.kvHeads]).toEqual([decoder.embedding, 0]);
    }
    if (vision !== undefined) expect([vision.tower.embedding % vision.tower.heads]).toEqual([0]);
  });

  test('of a half the shape has not, or a tower with a chain, is refused', async () => {
    await expect(made({ shape: 'tinyllama-1.1b', architecture: 'clip' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(made({ shape: 'vit-l-14-336' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(made({ architecture: 'clip', planted: { seed: 1, agree: 1 } })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(
      synthesizeModel(
        { shape: 'tiny', architecture: 'llama', type: 'f16', seed: 1, out: join(folder, 'stopped.gguf'), threads: 1 },
        { signal: AbortSignal.abort() },
      ),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
