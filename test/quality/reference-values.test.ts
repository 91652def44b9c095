import { readFileSync } from 'node:fs';

import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';

import { bleu, bleuStatistics } from '../../src/bench/quality/bleu.js';
import { cider } from '../../src/bench/quality/cider.js';
import { rougeL } from '../../src/bench/quality/rouge-l.js';
import { tokenise13a } from '../../src/bench/quality/tokenise-13a.js';
import { bootstrapInterval } from '../../src/bench/statistics/bootstrap.js';

const Numbers = Type.Array(Type.Number());
const Metrics = Type.Object({
  tokens13a: Type.Array(Type.Object({ sentence: Type.String(), tokens: Type.Array(Type.String()) })),
  corpora: Type.Array(
    Type.Object({
      name: Type.String(),
      captions: Type.Array(Type.Object({ candidate: Type.String(), references: Type.Array(Type.String()) })),
      bleu: Type.Number(),
      bleuStatistics: Numbers,
      rougeL: Numbers,
      ciderD: Numbers,
      cider: Numbers,
    }),
  ),
});
const Bootstrapped = Type.Object({ rows: Type.Array(Numbers), low: Type.Number(), high: Type.Number(), error: Type.Number() });
const Bootstrap = Type.Object({ mean: Bootstrapped, ratio: Bootstrapped });

function fixture<T extends Type.TSchema>(name: string, schema: T): Static<T> {
  const value: unknown = JSON.parse(readFileSync(new URL(`../fixtures/quality/${name}`, import.meta.url), 'utf8'));
  return Value.Parse(schema, value);
}

const { tokens13a, corpora } = fixture('metrics.json', Metrics);
const { mean, ratio } = fixture('bootstrap.json', Bootstrap);

/** As pycocoevalcap splits a sentence that its tokeniser has been over: Python's `str.split()`. */
const split = (sentence: string): string[] =>
  // eslint-disable-next-line no-control-regex -- Python takes U+001C to U+001F for white space
  sentence.split(/[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u).filter((word) => word !== '');

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(Math.abs((actual[index] ?? NaN) - value), `item ${index}`).toBeLessThan(1e-6);
}

it.each(tokens13a)('13a splits $sentence as sacrebleu does', ({ sentence, tokens }) => {
  expect(tokenise13a(sentence)).toEqual(tokens);
});

describe.each(corpora)('corpus "$name"', ({ captions, ...expected }) => {
  const statistics = captions.map(({ candidate, references }) => bleuStatistics(candidate, references));
  const sums = expected.bleuStatistics.map((_, column) => statistics.reduce((sum, row) => sum + (row[column] ?? 0), 0));
  const words = captions.map(({ candidate, references }) => ({ candidate: split(candidate), references: references.map(split) }));

  it('BLEU-4 equals sacrebleu, counts and score', () => {
    expect(sums).toEqual(expected.bleuStatistics);
    expectClose([bleu(sums)], [expected.bleu]);
  });

  it('ROUGE-L equals rouge_score, caption by caption', () => {
    expectClose(
      captions.map(({ candidate, references }) => rougeL(candidate, references)),
      expected.rougeL,
    );
  });

  it('CIDEr-D equals pycocoevalcap, caption by caption', () => {
    expectClose(cider(words, 'CIDEr-D'), expected.ciderD);
  });

  it('CIDEr equals the reference without clipping and length penalty', () => {
    expectClose(cider(words, 'CIDEr'), expected.cider);
  });
});

it('the fixtures tell the two kinds of CIDEr apart, and have scores that are not trivial', () => {
  for (const { bleu: score, cider: plain, ciderD } of corpora.filter(({ name }) => name === 'scenes' || name === 'photographs')) {
    expect(score).toBeGreaterThan(1);
    expect(plain).not.toEqual(ciderD);
  }
});

describe('bootstrap intervals agree with scipy.stats.bootstrap', () => {
  const ratioOfSums = ([part = 0, whole = 0]: readonly number[]): number => part / whole;
  // A 2.5% quantile of 20,000 resamples is uncertain by some 0.02 standard errors.
  const TOLERANCE = 0.08;

  it.each([
    ['mean', mean],
    ['ratio', ratio],
  ])('%s', (_, { rows, low, high, error }) => {
    const interval = bootstrapInterval(rows, ratioOfSums, { seed: 1, resamples: 20_000 });
    expect(Math.abs(interval[0] - low) / error).toBeLessThan(TOLERANCE);
    expect(Math.abs(interval[1] - high) / error).toBeLessThan(TOLERANCE);
  });
});
