import { describe, expect, test } from 'vitest';
import { zScore } from '../../../test/engine/support/z-score.js';
import { smallFastCounter } from '../../core/small-fast-counter.js';
import { DecodingCounters } from './decoding-counters.js';
import type { DecodingTarget } from './decoding-strategy.js';
import { draftAndVerify } from './draft-and-verify.js';
import { DraftController } from './draft-controller.js';
import { draw, rejectionSample } from './rejection-sample.js';

const VOCABULARY = 8;
const RUNS = 100_000;
/** Standard deviations that chance does not reach. */
const WORST_Z = 5;

const uniform = (seed: number): (() => number) => {
  const next = smallFastCounter(seed);
  return () => next() / 2 ** 32;
};

/** A distribution that depends on the last token, and on whose it is. */
function distribution(last: number, whose: number): Float32Array {
  const weights = Float32Array.from({ length: VOCABULARY }, (_, token) => Math.exp(1.5 * Math.sin(3 * token + 5 * last + 11 * whose)));
  // Both leave tokens out, as top-k does, and not the same.
  weights[(last + whose) % VOCABULARY] = 0;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
const target = (last: number): Float32Array => distribution(last, 0);
const drafted = (last: number): Float32Array => distribution(last, 1);

/** Two tokens of every run, counted in pairs, and how many first guesses were right. */
async function pairs(sample: typeof rejectionSample): Promise<{ counts: number[]; accepted: number }> {
  const random = uniform(1);
  const counts = Array.from({ length: VOCABULARY ** 2 }, () => 0);
  let accepted = 0;
  for (let run = 0; run < RUNS; run++) {
    const guess = draw(drafted(0), random);
    const first = sample(target(0), { token: guess, drawnFrom: drafted(0) }, random);
    accepted += Number(first === guess);
    const second = sample(target(first), { token: draw(drafted(first), random), drawnFrom: drafted(first) }, random);
    counts[first * VOCABULARY + second] = (counts[first * VOCABULARY + second] ?? 0) + 1;
  }
  return Promise.resolve({ counts, accepted });
}

const expectedPairs = Array.from({ length: VOCABULARY ** 2 }, (_, i) => {
  const [first, second] = [Math.floor(i / VOCABULARY), i % VOCABULARY];
  return RUNS * (target(0)[first] ?? 0) * (target(first)[second] ?? 0);
});

describe('rejection sampling', () => {
  test('tokens and pairs of them are distributed as the target says, whatever the draft', async () => {
    const { counts } = await pairs(rejectionSample);
    expect(zScore(counts, expectedPairs)).toBeLessThan(WORST_Z);
  });

  test('accepts as often as both distributions overlap', async () => {
    const overlap = target(0).reduce((sum, p, token) => sum + Math.min(p, drafted(0)[token] ?? 0), 0);
    const { accepted } = await pairs(rejectionSample);
    expect(Math.abs(accepted / RUNS - overlap)).toBeLessThan(WORST_Z * Math.sqrt((overlap * (1 - overlap)) / RUNS));
  });

  test('the test would notice a rejected guess that is drawn again from the target', async () => {
    const { counts } = await pairs((p, guess, random) => {
      if (guess === null) return draw(p, random);
      const accepted = random() * (guess.drawnFrom?.[guess.token] ?? 1) < (p[guess.token] ?? 0);
      return accepted ? guess.token : draw(p, random);
    });
    expect(zScore(counts, expectedPairs)).toBeGreaterThan(10 * WORST_Z);
  });

  test('guesses that were not drawn but looked up leave the distribution alone, too', () => {
    const random = uniform(2);
    const counts = Array.from({ length: VOCABULARY }, () => 0);
    for (let run = 0; run < RUNS; run++) {
      const token = rejectionSample(target(3), { token: 5, drawnFrom: undefined }, random);
      counts[token] = (counts[token] ?? 0) + 1;
    }
    const expected = [...target(3)].map((p) => RUNS * p);
    expect(zScore(counts, expected)).toBeLessThan(WORST_Z);
  });

  test('equal distributions accept always', () => {
    const random = uniform(3);
    for (let run = 0; run < 1000; run++) {
      const token = draw(target(1), random);
      expect(rejectionSample(target(1), { token, drawnFrom: target(1) }, random)).toBe(token);
    }
  });
});

test('whole answers are distributed as without guesses: three tokens, two of them guessed at a time', async () => {
  const random = uniform(4);
  const counts = new Map<string, number>();
  const runs = 20_000;
  for (let run = 0; run < runs; run++) {
    const tokens = [0];
    const sequence: DecodingTarget = {
      length: () => tokens.length,
      decode: (appended) => {
        tokens.push(...appended);
        return Promise.resolve(Float32Array.from([...appended].flatMap((token) => [...target(token)])));
      },
      truncate: (length) => {
        tokens.length = length;
      },
    };
    const answer: number[] = [];
    const steps = draftAndVerify(
      {
        target: sequence,
        prompt: Int32Array.of(0),
        promptLogits: target(0),
        // "Logits" are the probabilities themselves here.
        sampler: { sample: () => NaN, accept: () => undefined, probabilities: (p) => p, [Symbol.dispose]: () => undefined },
        maxTokens: 3,
        isEnd: () => false,
        draft: null,
        layers: null,
        rejection: { random, drafts: { probabilities: (p) => p } },
        controller: new DraftController({ draftTokens: 2, adaptive: false }),
        counters: new DecodingCounters(),
      },
      {
        propose: (certain, count) => {
          const guesses: number[] = [];
          const probabilities: Float32Array[] = [];
          for (let last = certain.at(-1) ?? 0; guesses.length < count; guesses.push(last)) {
            probabilities.push(drafted(last));
            last = draw(drafted(last), random);
          }
          return Promise.resolve({ tokens: guesses, probabilities });
        },
      },
    );
    for await (const token of steps) answer.push(token);
    counts.set(answer.join(), (counts.get(answer.join()) ?? 0) + 1);
  }
  const all = Array.from(
    { length: VOCABULARY ** 3 },
    (_, i) => [Math.floor(i / VOCABULARY ** 2), Math.floor(i / VOCABULARY) % VOCABULARY, i % VOCABULARY] as const,
  );
  const expected = all.map(([a, b, c]) => runs * (target(0)[a] ?? 0) * (target(a)[b] ?? 0) * (target(b)[c] ?? 0));
  expect(
    zScore(
      all.map((tokens) => counts.get(tokens.join()) ?? 0),
      expected,
    ),
  ).toBeLessThan(WORST_Z);
});
