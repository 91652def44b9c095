import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bleu, bleuStatistics } from './bleu.js';
import { captionWords } from './caption-words.js';
import { cider } from './cider.js';
import { rougeL } from './rouge-l.js';

const anyText = fc.string({ unit: 'binary', maxLength: 60 });
const words = (least: number): fc.Arbitrary<string[]> => fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: least, maxLength: 15 });

describe('of any text', () => {
  it('scores stay in their range', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyText, fc.array(anyText, { minLength: 1, maxLength: 3 })), { minLength: 1, maxLength: 4 }),
        (captions) => {
          for (const [candidate, references] of captions) {
            expect(bleu(bleuStatistics(candidate, references))).toSatisfy((score: number) => score >= 0 && score <= 100 + 1e-9);
            expect(rougeL(candidate, references)).toSatisfy((score: number) => score >= 0 && score <= 1);
          }
          const split = captions.map(([candidate, references]) => ({
            candidate: captionWords(candidate),
            references: references.map(captionWords),
          }));
          for (const variant of ['CIDEr', 'CIDEr-D'] as const)
            for (const score of cider(split, variant)) expect(score).toSatisfy((value: number) => value >= 0 && value <= 10 + 1e-9);
        },
      ),
    );
  });
});

describe('of a caption equal to its only reference', () => {
  it('BLEU is 100 from four words up', () => {
    fc.assert(
      fc.property(words(4), (sentence) => {
        const text = sentence.join(' ');
        expect(bleu(bleuStatistics(text, [text]))).toBeCloseTo(100, 9);
      }),
    );
  });

  it('ROUGE-L is 1', () => {
    fc.assert(
      fc.property(words(1), (sentence) => {
        expect(rougeL(sentence.join(' '), [sentence.join(', ')])).toBe(1);
      }),
    );
  });

  it('CIDEr is 10 from four words up, where no other picture has the same words', () => {
    fc.assert(
      fc.property(words(4), (sentence) => {
        const other = sentence.map((word) => `${word}0`);
        const captions = [sentence, other].map((candidate) => ({ candidate, references: [candidate] }));
        for (const variant of ['CIDEr', 'CIDEr-D'] as const) for (const score of cider(captions, variant)) expect(score).toBeCloseTo(10, 9);
      }),
    );
  });
});

describe('of an empty caption', () => {
  it('every score is 0', () => {
    expect(bleu(bleuStatistics('', ['a red circle at the top']))).toBe(0);
    expect(rougeL('', ['a red circle'])).toBe(0);
    expect(rougeL('a red circle', [''])).toBe(0);
    expect(
      cider(
        [
          { candidate: [], references: [['a', 'b']] },
          { candidate: ['c'], references: [['c']] },
        ],
        'CIDEr-D',
      )[0],
    ).toBe(0);
  });
});

it('the better reference counts for ROUGE-L, and the closest in length for BLEU', () => {
  expect(rougeL('a red circle', ['no', 'a red circle'])).toBe(1);
  expect(rougeL('digit 3', ['digit 4'])).toBe(0.5);
  expect(bleuStatistics('a b c', ['a', 'a b c d', 'a b c d e']).slice(0, 2)).toEqual([3, 4]);
  expect(bleuStatistics('a b c', ['a b c d', 'a b']).slice(0, 2)).toEqual([3, 2]);
});

it('CIDEr-D punishes repetition and length, CIDEr does not punish length', () => {
  const reference = ['a', 'red', 'circle', 'here'];
  const other = { candidate: ['x'], references: [['x', 'y', 'z', 'w']] };
  const score = (candidate: string[], variant: 'CIDEr' | 'CIDEr-D'): number =>
    cider([{ candidate, references: [reference] }, other], variant)[0] ?? NaN;
  const twice = [...reference, ...reference];
  expect(score(twice, 'CIDEr-D')).toBeLessThan(score(twice, 'CIDEr'));
  expect(score(reference, 'CIDEr-D')).toBeCloseTo(10, 9);
});
