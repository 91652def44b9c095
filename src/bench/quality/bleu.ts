import { countNgrams } from './ngrams.js';
import { tokenise13a } from './tokenise-13a.js';

const ORDER = 4;

/**
 * What BLEU needs to know of one caption; the sums over captions are what it needs of a corpus.
 * @returns words of the caption, words of the reference closest in length (the shorter of two as close), n-grams that occur in
 * a reference for n = 1 to 4 (each at most as often as in the reference that has it most), and all n-grams for n = 1 to 4.
 */
export function bleuStatistics(candidate: string, references: readonly string[]): number[] {
  const words = tokenise13a(candidate);
  const referenceWords = references.map(tokenise13a);
  const referenceNgrams = referenceWords.map((reference) => countNgrams(reference, ORDER));
  const matches = countNgrams(words, ORDER).map((counts, index) => {
    let matched = 0;
    for (const [ngram, count] of counts) {
      matched += Math.min(count, Math.max(0, ...referenceNgrams.map((orders) => orders[index]?.get(ngram) ?? 0)));
    }
    return matched;
  });
  const totals = matches.map((_, index) => Math.max(0, words.length - index));
  return [
    words.length,
    closest(
      words.length,
      referenceWords.map(({ length }) => length),
    ),
    ...matches,
    ...totals,
  ];
}

function closest(length: number, lengths: readonly number[]): number {
  return lengths.toSorted((a, b) => Math.abs(a - length) - Math.abs(b - length) || a - b)[0] ?? 0;
}

/**
 * Corpus BLEU-4, 0 to 100: the geometric mean of the n-gram precisions times the brevity penalty. An order without a match
 * counts as 1/2, 1/4, … of one ("exp" smoothing, as mteval-v13a.pl); a corpus shorter than four words scores 0.
 * Definition: Papineni et al. 2002, as sacrebleu 2.6 computes it with signature `case:mixed|eff:no|tok:13a|smooth:exp`.
 * @param sums of {@link bleuStatistics} over the captions, element by element
 */
export function bleu(sums: readonly number[]): number {
  const [candidateWords = 0, referenceWords = 0] = sums;
  const matches = sums.slice(2, 2 + ORDER);
  const totals = sums.slice(2 + ORDER);
  if (!matches.some((count) => count > 0) || totals.some((count) => count === 0)) return 0;
  let smoothing = 1;
  const logPrecisions = matches.map((count, index) => {
    if (count === 0) smoothing *= 2;
    return Math.log((count === 0 ? 1 / smoothing : count) / (totals[index] ?? NaN));
  });
  const brevity = Math.min(0, 1 - referenceWords / candidateWords);
  return 100 * Math.exp(brevity + logPrecisions.reduce((sum, value) => sum + value, 0) / ORDER);
}
