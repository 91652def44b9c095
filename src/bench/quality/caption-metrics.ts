import { bleu, bleuStatistics } from './bleu.js';
import { captionWords } from './caption-words.js';
import { cider } from './cider.js';
import { meanMetric, type Metric } from './metric.js';
import { f1, matchObjects, type Attribute } from './object-f1.js';
import { parseCaption, type CaptionVocabulary, type DescribedObject } from './parse-caption.js';
import { rougeL } from './rouge-l.js';

/** What was said of a picture and what is true. */
export interface ScoredCaption {
  readonly said: string;
  readonly objects: readonly DescribedObject[];
  /** All captions that are right, word for word; the canonical one first. */
  readonly right: readonly string[];
}

/** Whether the objects are there, and whether the caption is right word for word; a row for each caption. */
export function objectMetrics(captions: readonly ScoredCaption[], vocabulary: CaptionVocabulary): Metric[] {
  const matchesBy = (...attributes: Attribute[]): number[][] =>
    captions.map(({ said, objects }) => {
      const { matched, claimed, present } = matchObjects(parseCaption(said, vocabulary), objects, attributes);
      return [matched, claimed, present];
    });
  const objects = { unit: 'fraction', columns: columnsOf('objects'), rows: matchesBy('colour', 'size') };
  const placed = { unit: 'fraction', columns: columnsOf('placed_objects'), rows: matchesBy('colour', 'size', 'position') };
  return [
    { name: 'caption.object_f1', ...objects, score: f1OfSums },
    // Who claims nothing is never right: 0 of 0 is 0 here.
    { name: 'caption.object_precision', ...objects, score: ([matched = 0, claimed = 0]) => matched / Math.max(claimed, 1) },
    { name: 'caption.object_recall', ...objects, score: ([matched = 0, , present = 0]) => matched / Math.max(present, 1) },
    { name: 'caption.placed_object_f1', ...placed, score: f1OfSums },
    meanMetric(
      'caption.exact',
      'fraction',
      captions.map(({ said, right }) => Number(isExact(said, right))),
    ),
  ];
}

/** BLEU-4, ROUGE-L and CIDEr; a row for each caption. */
export function wordingMetrics(captions: readonly ScoredCaption[]): Metric[] {
  return [
    {
      name: 'bleu4',
      unit: 'of 100',
      columns: BLEU_COLUMNS,
      rows: captions.map(({ said, right }) => bleuStatistics(said, right)),
      score: bleu,
    },
    meanMetric(
      'rouge_l',
      'fraction',
      captions.map(({ said, right }) => rougeL(said, right)),
    ),
    ciderMetric('cider', captions),
    // What a model that is always right gets: below 10 where there are several wordings.
    ciderMetric(
      'cider_of_truth',
      captions.map((caption) => ({ ...caption, said: caption.right[0] ?? '' })),
    ),
  ];
}

const columnsOf = (kind: string): string[] => [`${kind}.matched`, `${kind}.claimed`, `${kind}.present`];
const f1OfSums = ([matched = 0, claimed = 0, present = 0]: readonly number[]): number => f1({ matched, claimed, present });
const BLEU_COLUMNS = [
  ...['bleu4.words', 'bleu4.reference_words'],
  ...[1, 2, 3, 4].map((n) => `bleu4.matches_${n}`),
  ...[1, 2, 3, 4].map((n) => `bleu4.ngrams_${n}`),
];

function ciderMetric(name: string, captions: readonly ScoredCaption[]): Metric {
  const words = captions.map(({ said, right }) => ({ candidate: captionWords(said), references: right.map(captionWords) }));
  return meanMetric(name, '10 × cosine', cider(words, 'CIDEr-D'));
}

/** Word for word one of the right captions; case and punctuation do not count. */
function isExact(said: string, right: readonly string[]): boolean {
  const words = captionWords(said).join(' ');
  return right.some((one) => captionWords(one).join(' ') === words);
}
