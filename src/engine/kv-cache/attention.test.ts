import { describe, expect, test } from 'vitest';
import { AttentionRig, type Activations } from '../../../test/engine/support/attention-rig.js';
import { relativeError } from '../../../test/engine/support/compare.js';
import { attentionWeights, plainAttention } from '../../../test/engine/support/plain-attention.js';
import { gaussian } from '../../../test/engine/support/gaussian.js';
import { layerBudgets } from './pyramidkv/layer-budgets.js';
import type { GearOptions } from './gear/gear-options.js';
import type { KvCacheOptions } from './registry.js';

const HEADS = { heads: 4, kvHeads: 2, headSize: 64 };
const GEOMETRY = { layers: 3, kvHeads: HEADS.kvHeads, headSize: HEADS.headSize, cells: 512, slidingWindow: null };
const TOKENS = 300;

/** Keys and values as models make them: a few channels far from 0 in every token, the rest small; `outliers` 0 makes all alike. */
function activations(seed: number, outliers: number, tokens = TOKENS): Activations {
  const { heads, kvHeads, headSize } = HEADS;
  const next = gaussian(seed);
  const of = (count: number, scale: (channel: number) => number): Float32Array =>
    Float32Array.from({ length: tokens * count * headSize }, (_, i) => next() * 0.7 + scale(i % headSize));
  const far = (channel: number): number => (channel % 16 === 5 ? outliers * (1 + 0.3 * next()) : 0);
  return { tokens, q: of(heads, () => 0), k: of(kvHeads, far), v: of(kvHeads, far) };
}

function slice({ q, k, v }: Activations, from: number, to: number): Activations {
  const { heads, kvHeads, headSize } = HEADS;
  const cut = (values: Float32Array, count: number): Float32Array => values.slice(from * count * headSize, to * count * headSize);
  return { tokens: to - from, q: cut(q, heads), k: cut(k, kvHeads), v: cut(v, kvHeads) };
}

/** Attention of the last `TOKENS` − `cut` tokens, appended in pieces after the rest. */
async function attended(options: KvCacheOptions, all: Activations, pieces: readonly number[], ending?: number): Promise<Float32Array[]> {
  using rig = new AttentionRig(GEOMETRY, HEADS.heads, options);
  let outputs: Float32Array[] = [];
  let from = 0;
  for (const to of pieces) {
    outputs = await rig.append(slice(all, from, to), to === ending ? { textTokens: 10 } : undefined);
    from = to;
  }
  return outputs;
}

/** Its relative error in the worst layer. */
async function error(options: KvCacheOptions, all: Activations, pieces: readonly number[]): Promise<number> {
  const expected = plainAttention(all, HEADS, pieces.at(-2));
  const outputs = await attended(options, all, pieces);
  return Math.max(...outputs.map((output) => relativeError(output, expected)));
}

/** A prompt in several batches, then a batch or single tokens: ggml has other kernels for them. */
const PIECES = [100, 200, 290, TOKENS];
const SINGLY = [100, 200, 298, 299, TOKENS];
const [PLAIN, FAR_CHANNELS] = [activations(1, 0), activations(2, 8)];

describe('attention equals plain float attention within the bound of what is stored', () => {
  // Relative errors; measured are about two thirds of these.
  test.each<[options: KvCacheOptions, bound: number]>([
    [{ type: 'f32' }, 1e-6],
    [{ type: 'f16' }, 4e-3],
    [{ type: 'q8_0' }, 1.2e-2],
    [{ type: 'q5_1' }, 7e-2],
    [{ type: 'q5_0' }, 8e-2],
    [{ type: 'q4_1' }, 0.15],
    [{ type: 'q4_0' }, 0.16],
    [{ type: 'iq4_nl' }, 0.15],
    [{ policy: 'hadamard', type: 'f32' }, 1e-6],
    [{ policy: 'hadamard' }, 1.2e-2],
    [{ policy: 'hadamard', type: 'q4_0' }, 0.16],
    [{ policy: 'gear', gear: { rank: 8 } }, 0.11],
    [{ policy: 'gear' }, 0.12],
    [{ policy: 'gear', gear: { bits: 2, rank: 4 } }, 0.6],
    [{ policy: 'pyramidkv', type: 'f32', pyramid: { budget: 1 } }, 1e-6],
  ])('%j: %d', async (options, bound) => {
    expect(await error(options, PLAIN, PIECES)).toBeLessThanOrEqual(bound);
    expect(await error(options, PLAIN, SINGLY)).toBeLessThanOrEqual(bound);
  });
});

describe('where a few channels are far out, as in real models', () => {
  test.each(['q8_0', 'q5_0', 'q4_0'] as const)('%s loses less behind a rotation', async (type) => {
    const rotated = await error({ policy: 'hadamard', type }, FAR_CHANNELS, SINGLY);
    expect(rotated).toBeLessThan(0.75 * (await error({ type }, FAR_CHANNELS, SINGLY)));
  });

  test('GEAR of 4 bits loses less than q4_0, and every part of it counts', async () => {
    const of = (gear: GearOptions): Promise<number> => error({ policy: 'gear', gear }, FAR_CHANNELS, SINGLY);
    expect(await of({})).toBeLessThan(await error({ type: 'q4_0' }, FAR_CHANNELS, SINGLY));
    expect(await of({ rank: 4 })).toBeLessThan(await of({ rank: 0 }));
    expect(await of({ rank: 0, outliers: 1 })).toBeLessThan(await of({ rank: 0, outliers: 0 }));
    expect(await of({ bits: 2, rank: 4 })).toBeLessThan(0.75 * (await of({ bits: 2, rank: 0 })));
    expect(await of({ bits: 4 })).toBeLessThan(await of({ bits: 2 }));
  });
});

describe('GEAR', () => {
  const options: KvCacheOptions = { policy: 'gear', gear: { bits: 2, rank: 0 } };

  test('answers guesses that are verified together, and taken back, as tokens that come one by one', async () => {
    using singly = new AttentionRig(GEOMETRY, HEADS.heads, options);
    using together = new AttentionRig(GEOMETRY, HEADS.heads, options);
    await singly.append(slice(PLAIN, 0, 100));
    await together.append(slice(PLAIN, 0, 100));
    for (let at = 100; at < 260; at += 4) {
      const alone: Float32Array[] = [];
      for (let i = at; i < at + 4; i++) alone.push(...(await singly.append(slice(PLAIN, i, i + 1))).slice(0, 1));
      // Four right guesses and three wrong ones.
      const [first = new Float32Array()] = await together.append(joined(slice(PLAIN, at, at + 4), slice(FAR_CHANNELS, at, at + 3)));
      together.cache.truncate(0, at + 4);
      const width = HEADS.heads * HEADS.headSize;
      alone.forEach((expected, i) => {
        expect(relativeError(first.subarray(i * width, (i + 1) * width), expected), `token ${at + i}`).toBeLessThan(2e-3);
      });
    }
    expect(together.cache.usedBytes()).toBe(singly.cache.usedBytes());
  });

  test('goes on after a past that was cut where it is compressed', async () => {
    using rig = new AttentionRig(GEOMETRY, HEADS.heads, { policy: 'gear', gear: { rank: 8 } });
    for (const at of [0, 100, 200]) await rig.append(slice(FAR_CHANNELS, at, at + 100));
    await rig.append(slice(FAR_CHANNELS, 299, 300));
    rig.cache.truncate(0, 75);
    expect(rig.cache.length(0)).toBe(75);
    await rig.append(slice(FAR_CHANNELS, 75, 175));
    const [output = new Float32Array()] = await rig.append(slice(FAR_CHANNELS, 175, 200));
    expect(relativeError(output, plainAttention(slice(FAR_CHANNELS, 0, 200), HEADS, 175))).toBeLessThan(2e-2);
    rig.cache.truncate(0, 0);
    expect([rig.cache.length(0), rig.cache.usedBytes()]).toEqual([0, 0]);
  });

  test('counts what it keeps: 2 bits of rank 2 take 4 bits a value, 4 of rank 2 take 6.25', async () => {
    for (const [gear, bits] of [
      [{ bits: 2, rank: 2 }, 4],
      [{ bits: 4, rank: 2 }, 6.25],
      [{ bits: 4, rank: 0, outliers: 0 }, 4.75],
    ] as const) {
      using rig = new AttentionRig(GEOMETRY, HEADS.heads, { policy: 'gear', gear });
      for (const at of [0, 100, 200]) await rig.append(slice(PLAIN, at, at + 100));
      await rig.append(slice(PLAIN, 299, 300));
      // Chunks up to 128 tokens before the end have lost their cells; one more is ready beside them.
      const values = 2 * GEOMETRY.layers * GEOMETRY.kvHeads * GEOMETRY.headSize;
      expect(rig.cache.usedBytes(0)).toBe((values * (4 * 64 * bits + (301 - 192) * 16)) / 8);
    }
  });
});

describe('PyramidKV', () => {
  const PROMPT = 280;
  const pyramid = { budget: 0.4, window: 8 };

  test.each<KvCacheOptions>([
    { policy: 'pyramidkv', type: 'f32', pyramid },
    { policy: 'pyramidkv+hadamard', type: 'f32', pyramid },
  ])('$policy goes on with what the last tokens of the prompt look at, in every layer and head', async (options) => {
    const outputs = await attended(options, PLAIN, [150, PROMPT, TOKENS], PROMPT);
    const budgets = layerBudgets(PROMPT, 112, 8, GEOMETRY.layers, 20) ?? [];
    expect(outputs).toHaveLength(3);
    outputs.forEach((output, layer) => {
      const kept = Array.from({ length: HEADS.kvHeads }, (_, kvHead) => mostSeen(slice(PLAIN, 0, PROMPT), kvHead, 8, budgets[layer] ?? 0));
      const expected = plainAttention(PLAIN, HEADS, PROMPT, (_, key, kvHead) => key >= PROMPT - 8 || kept[kvHead]?.has(key) === true);
      expect(relativeError(output, expected)).toBeLessThan(1e-6);
    });
  });

  test('keeps so many bytes of the prompt, everything of what follows, and counts positions truly', async () => {
    using rig = new AttentionRig(GEOMETRY, HEADS.heads, { policy: 'pyramidkv', pyramid });
    await rig.append(slice(PLAIN, 0, PROMPT), { textTokens: PROMPT });
    expect(rig.cache.length(0)).toBe(PROMPT);
    const kept = (layerBudgets(PROMPT, 112, 8, GEOMETRY.layers, 20) ?? []).reduce((sum, budget) => sum + budget + 8, 0);
    const cell = 2 * GEOMETRY.kvHeads * GEOMETRY.headSize * 2;
    expect(rig.cache.usedBytes()).toBe(kept * cell);
    await rig.append(slice(PLAIN, PROMPT, TOKENS));
    expect(rig.cache.usedBytes(0)).toBe((kept + GEOMETRY.layers * (TOKENS - PROMPT)) * cell);
    expect(rig.cache.plan([{ sequence: 0, count: 2 }]).positions).toEqual(Int32Array.of(TOKENS, TOKENS + 1));
    // Guesses may be taken back, the window of the prompt too, but not what was thinned out.
    rig.cache.truncate(0, PROMPT - 8);
    expect([rig.cache.length(0), rig.cache.usedBytes()]).toEqual([PROMPT - 8, (kept - GEOMETRY.layers * 8) * cell]);
    expect(() => {
      rig.cache.truncate(0, PROMPT - 9);
    }).toThrow('thinned out');
    rig.cache.truncate(0, 0);
    expect([rig.cache.length(0), rig.cache.usedBytes()]).toEqual([0, 0]);
  });

  test('keeps a short prompt whole, unless so few tokens are asked for', async () => {
    const kept = async (budget: number): Promise<number> => {
      using rig = new AttentionRig(GEOMETRY, HEADS.heads, { policy: 'pyramidkv', pyramid: { budget, window: 8 } });
      await rig.append(slice(PLAIN, 0, 60), { textTokens: 60 });
      return rig.cache.usedBytes() / (GEOMETRY.layers * 2 * GEOMETRY.kvHeads * GEOMETRY.headSize * 2);
    };
    expect(await kept(0.4)).toBe(60);
    expect(await kept(24)).toBeLessThan(30);
  });

  test('over GEAR compresses what it kept', async () => {
    using rig = new AttentionRig(GEOMETRY, HEADS.heads, { policy: 'pyramidkv+gear', pyramid: { budget: 0.6 } });
    await rig.append(slice(PLAIN, 0, PROMPT), { textTokens: PROMPT });
    const thin = rig.cache.usedBytes();
    using whole = new AttentionRig(GEOMETRY, HEADS.heads, { policy: 'pyramidkv', pyramid: { budget: 0.6 } });
    await whole.append(slice(PLAIN, 0, PROMPT), { textTokens: PROMPT });
    expect(thin).toBeLessThan(whole.cache.usedBytes());
    const [a = new Float32Array()] = await rig.append(slice(PLAIN, PROMPT, TOKENS));
    const [b = new Float32Array()] = await whole.append(slice(PLAIN, PROMPT, TOKENS));
    expect(relativeError(a, b)).toBeLessThan(0.1);
  });

  test('has the budgets of the authors: falling, at most the prompt, flat where nearly all is kept', () => {
    expect(layerBudgets(300, 120, 8, 3, 20)).toEqual([219, 112, 5]);
    expect(layerBudgets(224, 120, 8, 3, 20)).toEqual([216, 112, 8]);
    expect(layerBudgets(200, 120, 8, 3, 20)).toEqual([112, 112, 112]);
    expect(layerBudgets(120, 120, 8, 3, 20)).toBeNull();
  });

  test('refuses a sliding window, and says why', () => {
    expect(() => new AttentionRig({ ...GEOMETRY, slidingWindow: 100 }, HEADS.heads, { policy: 'pyramidkv' })).toThrow('sliding window');
  });
});

test.each<KvCacheOptions>([{ type: 'f32' }, { policy: 'hadamard' }, { policy: 'gear', gear: { rank: 8 } }])(
  'a sliding window hides what left it: %j',
  async (options) => {
    using rig = new AttentionRig({ ...GEOMETRY, slidingWindow: 150 }, HEADS.heads, options);
    for (const at of [0, 100, 200]) await rig.append(slice(PLAIN, at, at + 90 + 10 * Number(at < 200)));
    const [output = new Float32Array()] = await rig.append(slice(PLAIN, 290, TOKENS));
    const within = plainAttention(PLAIN, HEADS, 290, (query, key) => key > query - 150);
    expect(relativeError(output, within)).toBeLessThan(0.1);
    expect(relativeError(output, plainAttention(PLAIN, HEADS, 290))).toBeGreaterThan(0.2);
  },
);

/** By definition: the tokens before the window that its queries' heads look at most, each as much as the best within 3 of it. */
function mostSeen(prompt: Activations, kvHead: number, window: number, budget: number): Set<number> {
  const group = HEADS.heads / HEADS.kvHeads;
  const seen = new Array<number>(prompt.tokens - window).fill(0);
  for (let query = prompt.tokens - window; query < prompt.tokens; query++) {
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      const weights = attentionWeights(prompt, HEADS, query, head);
      seen.forEach((sum, key) => (seen[key] = sum + (weights[key] ?? NaN)));
    }
  }
  const pooled = seen.map((_, key) => Math.max(...[-3, -2, -1, 0, 1, 2, 3].map((offset) => seen[key + offset] ?? 0)));
  const order = pooled.map((_, key) => key).sort((a, b) => (pooled[b] ?? 0) - (pooled[a] ?? 0) || a - b);
  return new Set(order.slice(0, budget));
}

function joined(a: Activations, b: Activations): Activations {
  const both = (one: Float32Array, other: Float32Array): Float32Array => Float32Array.of(...one, ...other);
  return { tokens: a.tokens + b.tokens, q: both(a.q, b.q), k: both(a.k, b.k), v: both(a.v, b.v) };
}
