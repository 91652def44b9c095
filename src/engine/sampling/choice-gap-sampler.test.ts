import { describe, expect, test } from 'vitest';
import type { SamplingOptions } from '../../core/generator.js';
import { ChoiceGapSampler } from './choice-gap-sampler.js';
import { createSampler } from './create-sampler.js';
import { mersenneTwister } from './mersenne-twister.js';
import { resolveSampling } from './resolve-sampling.js';

/** Nothing that cuts the distribution. */
const UNCUT: SamplingOptions = { temperature: 0.7, topK: 0, topP: 1, minP: 0, seed: 9 };

function gaps(options: SamplingOptions, rows: readonly (readonly number[])[]): { tokens: number[]; gaps: readonly (number | null)[] } {
  const resolved = resolveSampling(options);
  using sampler = createSampler(rows[0]?.length ?? 0, resolved);
  const noting = new ChoiceGapSampler(sampler, resolved);
  const tokens = rows.map((row) => noting.sample(Float32Array.from(row)));
  return { tokens, gaps: noting.gaps };
}

const random = mersenneTwister(3);
const rows = Array.from({ length: 2000 }, () => Array.from({ length: 40 }, () => 6 * (random() / 2 ** 32)));

test('the Mersenne Twister is that of the C++ standard', () => {
  // [rand.predef]: the 10000th draw of a default constructed mt19937, whose seed is 5489.
  const next = mersenneTwister(5489);
  let drawn = 0;
  for (let i = 0; i < 10_000; i++) drawn = next();
  expect(drawn).toBe(4_123_659_995);
});

describe('the gap of a choice', () => {
  test('greedily is the lead of the largest logit', () => {
    expect(gaps({}, [[1, 4, 3.5, -2]])).toEqual({ tokens: [1], gaps: [0.5] });
    expect(gaps({}, [[2, 2, 1]]).gaps).toEqual([0]);
  });

  test('is known for every token that libllama draws', () => {
    const { gaps: all, tokens } = gaps(UNCUT, rows);
    expect(new Set(tokens).size).toBe(40);
    expect(all.filter((gap) => gap === null)).toEqual([]);
    // Draws are uniform: some lie close to an edge, most do not.
    expect(Math.min(...all.map((gap) => gap ?? NaN))).toBeLessThan(1e-4);
    expect(all.filter((gap) => (gap ?? 0) > 1e-3).length).toBeGreaterThan(1500);
  });

  test('of a sampled token bounds what rounding can change', () => {
    const exact = gaps(UNCUT, rows);
    const nudged = gaps(
      UNCUT,
      rows.map((row, r) => row.map((logit, i) => logit + ((r + i) % 2 === 0 ? 3e-3 : -3e-3))),
    );
    const changed = exact.tokens.flatMap((token, i) => (token === nudged.tokens[i] ? [] : [exact.gaps[i] ?? NaN]));
    expect(changed.length).toBeGreaterThan(0);
    expect(Math.max(...changed)).toBeLessThan(5e-3);
  });

  test('is not known where the distribution is cut or penalised', () => {
    expect(gaps({ ...UNCUT, topK: 5 }, rows.slice(0, 3)).gaps).toEqual([null, null, null]);
    expect(gaps({ repeatPenalty: 1.5 }, rows.slice(0, 1)).gaps).toEqual([null]);
  });
});
