import { countNgrams } from './ngrams.js';

const ORDER = 4;
/** Width of CIDEr-D's length penalty, in words. */
const SIGMA = 6;

/** One caption and what people (or the generator) say of the same picture, in words. */
export interface CaptionWithReferences {
  readonly candidate: readonly string[];
  readonly references: readonly (readonly string[])[];
}

/**
 * - `CIDEr`: the cosine of tf-idf vectors.
 * - `CIDEr-D`: the same with counts clipped to the reference's and a penalty on the difference of lengths. coco-caption, and
 *   with it most papers, calls this one "CIDEr".
 */
export type CiderVariant = 'CIDEr' | 'CIDEr-D';

interface Vector {
  /** By order: n-gram to tf-idf weight. */
  readonly weights: readonly ReadonlyMap<string, number>[];
  readonly norms: readonly number[];
  readonly length: number;
}

/**
 * CIDEr of each caption, 0 to 10: n = 1 to 4, mean over n and over the references, times 10; inverse document frequencies are
 * taken over the references of all pictures. One picture alone scores 0, because then no word tells it from others.
 * Definition: Vedantam et al. 2015, as pycocoevalcap 1.2 (CIDEr-D) and vrama91/cider (CIDEr) compute it, without stemming.
 */
export function cider(captions: readonly CaptionWithReferences[], variant: CiderVariant): number[] {
  const documents = documentFrequencies(captions);
  const corpus = Math.log(captions.length);
  const vectorOf = (words: readonly string[]): Vector => {
    const weights = countNgrams(words, ORDER).map((counts) => {
      // An n-gram of no reference counts as one of a single picture.
      return new Map([...counts].map(([ngram, count]) => [ngram, count * (corpus - Math.log(documents.get(ngram) ?? 1))]));
    });
    return {
      weights,
      norms: weights.map((order) => Math.sqrt([...order.values()].reduce((sum, weight) => sum + weight * weight, 0))),
      // The reference code counts bigrams instead. The differences are the same, save for empty captions, which score 0 anyway.
      length: words.length,
    };
  };
  return captions.map(({ candidate, references }) => {
    const vector = vectorOf(candidate);
    const similarities = references.map((reference) => similarity(vector, vectorOf(reference), variant));
    return (10 * similarities.reduce((sum, value) => sum + value, 0)) / references.length;
  });
}

/** In the references of how many pictures each n-gram occurs. */
function documentFrequencies(captions: readonly CaptionWithReferences[]): Map<string, number> {
  const frequencies = new Map<string, number>();
  for (const { references } of captions) {
    const ngrams = new Set(references.flatMap((words) => countNgrams(words, ORDER).flatMap((counts) => [...counts.keys()])));
    for (const ngram of ngrams) frequencies.set(ngram, (frequencies.get(ngram) ?? 0) + 1);
  }
  return frequencies;
}

/** Mean over the orders of the cosine of two vectors. */
function similarity(candidate: Vector, reference: Vector, variant: CiderVariant): number {
  const clipped = variant === 'CIDEr-D';
  let sum = 0;
  for (const [index, weights] of candidate.weights.entries()) {
    let product = 0;
    for (const [ngram, weight] of weights) {
      const other = reference.weights[index]?.get(ngram) ?? 0;
      product += (clipped ? Math.min(weight, other) : weight) * other;
    }
    const norm = (candidate.norms[index] ?? 0) * (reference.norms[index] ?? 0);
    if (norm > 0) sum += product / norm;
  }
  const penalty = clipped ? Math.exp(-((candidate.length - reference.length) ** 2) / (2 * SIGMA ** 2)) : 1;
  return (sum / ORDER) * penalty;
}
