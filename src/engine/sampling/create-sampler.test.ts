import { describe, expect, test } from 'vitest';
import type { SamplingOptions } from '../../core/generator.js';
import { createSampler } from './create-sampler.js';
import { resolveSampling } from './resolve-sampling.js';

/** Everything that changes the distribution is off. */
const PLAIN: SamplingOptions = { temperature: 1, topK: 0, topP: 1, minP: 0 };
const LOGITS = [1.5, -0.5, 0.25, 2, -3, 0.75, 1, -1.25];

/** How often each token comes in `draws` draws from the same logits. */
function histogram(options: SamplingOptions, draws: number, logits: readonly number[] = LOGITS): number[] {
  using sampler = createSampler(logits.length, resolveSampling(options));
  const counts = logits.map(() => 0);
  const values = Float32Array.from(logits);
  for (let i = 0; i < draws; i++) {
    const token = sampler.sample(values);
    counts[token] = (counts[token] ?? NaN) + 1;
  }
  return counts;
}

/** The first `count` tokens of a chain in which `logits` never change. */
function tokens(options: SamplingOptions, count: number, logits: readonly number[] = LOGITS): number[] {
  using sampler = createSampler(logits.length, resolveSampling(options));
  return Array.from({ length: count }, () => {
    const token = sampler.sample(Float32Array.from(logits));
    sampler.accept(token);
    return token;
  });
}

function softmax(logits: readonly number[], temperature: number): number[] {
  const weights = logits.map((logit) => Math.exp(logit / temperature));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/** Pearson's statistic of counts against probabilities. */
function chiSquare(counts: readonly number[], probabilities: readonly number[]): number {
  const draws = counts.reduce((a, b) => a + b);
  return counts.reduce((sum, count, i) => sum + (count - draws * (probabilities[i] ?? 0)) ** 2 / (draws * (probabilities[i] ?? 0)), 0);
}

/** Exceeded by chance once in a thousand, at 7 degrees of freedom. */
const CRITICAL = 24.32;

const drawn = (counts: readonly number[]): number[] => counts.flatMap((count, token) => (count > 0 ? [token] : []));

describe('greedy', () => {
  test('takes the likeliest token, and of equals the first', () => {
    expect(tokens({}, 3)).toEqual([3, 3, 3]);
    expect(tokens({}, 1, [0, 5, 5, 5])).toEqual([1]);
    expect(tokens({}, 1, [-Infinity, -Infinity, -4])).toEqual([2]);
  });

  test('is what temperature 0, one candidate, and an impossible minimum come to', () => {
    for (const options of [
      { ...PLAIN, topK: 1 },
      { ...PLAIN, topP: 0 },
      { ...PLAIN, minP: 1 },
      { temperature: 0, topK: 5, seed: 3 },
    ]) {
      expect(drawn(histogram(options, 200))).toEqual([3]);
    }
  });

  test('with penalties is the likeliest after them', () => {
    expect(tokens({ repeatPenalty: 1.01 }, 2, [1, 1.001, 0])).toEqual([1, 0]);
  });
});

describe('temperature', () => {
  const DRAWS = 200_000;

  test.each([0.5, 1, 1.7])('%d draws from the softmax of the logits over it', (temperature) => {
    expect(chiSquare(histogram({ ...PLAIN, temperature, seed: 42 }, DRAWS), softmax(LOGITS, temperature))).toBeLessThan(CRITICAL);
  });

  test('is told apart from one that is a twentieth off', () => {
    expect(chiSquare(histogram({ ...PLAIN, temperature: 1.05, seed: 42 }, DRAWS), softmax(LOGITS, 1))).toBeGreaterThan(CRITICAL);
  });

  test('draws the same with the same seed, and something else with another', () => {
    const first = tokens({ ...PLAIN, seed: 5 }, 100);
    expect(tokens({ ...PLAIN, seed: 5 }, 100)).toEqual(first);
    expect(tokens({ ...PLAIN, seed: 6 }, 100)).not.toEqual(first);
    expect(tokens({ ...PLAIN, seed: 2 ** 32 - 2 }, 100)).not.toEqual(first);
  });
});

describe('what is left to draw from', () => {
  const DRAWS = 20_000;
  const probabilities = softmax(LOGITS, 1);
  const byProbability = probabilities.map((_, token) => token).sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0));

  test.each([1, 2, 3, 5, 8, 100])('the %i likeliest tokens with top_k', (topK) => {
    expect(drawn(histogram({ ...PLAIN, temperature: 3, topK }, DRAWS))).toEqual(byProbability.slice(0, topK).sort((a, b) => a - b));
  });

  test.each([0.3, 0.5, 0.9])('with top_p %d the fewest tokens that have this probability together', (topP) => {
    let sum = 0;
    const count = byProbability.findIndex((token) => (sum += probabilities[token] ?? 0) >= topP) + 1;
    expect(drawn(histogram({ ...PLAIN, topP }, DRAWS))).toEqual(byProbability.slice(0, count).sort((a, b) => a - b));
  });

  test.each([0.05, 0.3, 0.5])('with min_p %d the tokens with at least this share of the likeliest', (minP) => {
    const floor = minP * Math.max(...probabilities);
    expect(drawn(histogram({ ...PLAIN, temperature: 2, minP }, DRAWS))).toEqual(
      probabilities.flatMap((p, token) => (p >= floor ? [token] : [])),
    );
  });
});

describe('penalties', () => {
  const logits = [3, 2.9, 2.8, -1];

  test('repeat divides what is above zero and multiplies what is below, of tokens that came', () => {
    // 3 → 1.5 after the first token, 2.9 → 1.45 after the second, 2.8 → 1.4 after the third; then 1.5 is the largest.
    expect(tokens({ repeatPenalty: 2 }, 4, logits)).toEqual([0, 1, 2, 0]);
    expect(tokens({ repeatPenalty: 2 }, 3, [-1, -1.5, -3])).toEqual([0, 1, 0]);
  });

  test('presence counts a token once, frequency as often as it came', () => {
    expect(tokens({ presencePenalty: 0.15 }, 5, logits)).toEqual([0, 1, 0, 0, 0]);
    expect(tokens({ frequencyPenalty: 0.15 }, 6, logits)).toEqual([0, 1, 0, 2, 1, 0]);
  });

  test('forget what came more than `penaltyLastN` tokens ago', () => {
    expect(tokens({ repeatPenalty: 2, penaltyLastN: 1 }, 4, logits)).toEqual([0, 1, 0, 1]);
    expect(tokens({ repeatPenalty: 2, penaltyLastN: 0 }, 3, logits)).toEqual([0, 0, 0]);
  });

  test('change what is drawn, too', () => {
    const share = (options: SamplingOptions): number =>
      tokens({ ...PLAIN, ...options }, 2000, [4, 0, 0, 0]).filter((token) => token === 0).length;
    expect(share({ repeatPenalty: 4 })).toBeLessThan(share({}) / 2);
  });
});

describe('what a sampler draws from', () => {
  const DRAWS = 20_000;

  test.each<[name: string, options: SamplingOptions]>([
    ['everything', PLAIN],
    ['a high temperature', { ...PLAIN, temperature: 3 }],
    ['few candidates', { ...PLAIN, topK: 3 }],
    ['a nucleus, then a temperature', { ...PLAIN, topP: 0.8, temperature: 0.7 }],
    ['all options', { temperature: 0.9, topK: 6, topP: 0.95, minP: 0.02, repeatPenalty: 1.2 }],
  ])('%s: the probabilities that it tells are those of its draws', (_, options) => {
    using sampler = createSampler(LOGITS.length, resolveSampling(options));
    const told = [...sampler.probabilities(Float32Array.from(LOGITS))];
    expect(told.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    const counts = histogram(options, DRAWS);
    expect(drawn(counts)).toEqual(told.flatMap((probability, token) => (probability > 0 ? [token] : [])));
    const left = counts.filter((_, token) => (told[token] ?? 0) > 0);
    expect(
      chiSquare(
        left,
        told.filter((probability) => probability > 0),
      ),
    ).toBeLessThan(CRITICAL);
  });

  test('penalties count, and telling draws nothing', () => {
    using sampler = createSampler(LOGITS.length, resolveSampling({ ...PLAIN, presencePenalty: 100 }));
    using same = createSampler(LOGITS.length, resolveSampling({ ...PLAIN, presencePenalty: 100 }));
    for (let i = 0; i < LOGITS.length; i++) {
      const told = sampler.probabilities(Float32Array.from(LOGITS));
      const token = sampler.sample(Float32Array.from(LOGITS));
      expect(told[token]).toBeGreaterThan(0);
      expect(same.sample(Float32Array.from(LOGITS))).toBe(token);
      for (const each of [sampler, same]) each.accept(token);
      if (i < LOGITS.length - 1) expect(sampler.probabilities(Float32Array.from(LOGITS))[token]).toBeLessThan(1e-30);
    }
  });

  test('greedy, one token', () => {
    using sampler = createSampler(LOGITS.length, resolveSampling({}));
    expect([...sampler.probabilities(Float32Array.from(LOGITS))]).toEqual([0, 0, 0, 1, 0, 0, 0, 0]);
  });
});
