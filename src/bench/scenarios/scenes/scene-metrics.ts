import { bleu, bleuStatistics } from '../../quality/bleu.js';
import { captionWords } from '../../quality/caption-words.js';
import { cider } from '../../quality/cider.js';
import { f1, matchObjects, type Attribute } from '../../quality/object-f1.js';
import { parseCaption, type CaptionVocabulary } from '../../quality/parse-caption.js';
import { rougeL } from '../../quality/rouge-l.js';
import { isRightAnswer } from '../../quality/vqa-answer.js';
import type { SceneAnswers } from './scenes-scenario.js';

/** A score of a run, computed from numbers of each picture that add up; so it can be recomputed and bootstrapped. */
export interface SceneMetric {
  readonly name: string;
  /** Names of the numbers. */
  readonly columns: readonly string[];
  /** One row for each picture. */
  readonly rows: readonly (readonly number[])[];
  /** The score, from the rows' sums. */
  readonly score: (sums: readonly number[]) => number;
}

/** Every score of a run; those of questions are `vqa.accuracy` and `vqa.by_kind.<kind>`. */
export function sceneMetrics(pictures: readonly SceneAnswers[], vocabulary: CaptionVocabulary): SceneMetric[] {
  const matchesBy = (...attributes: Attribute[]): number[][] =>
    pictures.map(({ caption, truth }) => {
      const { matched, claimed, present } = matchObjects(parseCaption(caption, vocabulary), truth.objects, attributes);
      return [matched, claimed, present];
    });
  const objects = { columns: columnsOf('objects'), rows: matchesBy('colour', 'size') };
  const placed = { columns: columnsOf('placed_objects'), rows: matchesBy('colour', 'size', 'position') };
  const kinds = [...new Set(pictures.flatMap(({ truth }) => truth.questions.map(({ kind }) => kind)))];
  const ciders = cider(
    pictures.map(({ caption, truth }) => ({ candidate: captionWords(caption), references: truth.captions.map(captionWords) })),
    'CIDEr-D',
  );
  return [
    { name: 'caption.object_f1', ...objects, score: f1OfSums },
    // Who claims nothing is never right: 0 of 0 is 0 here.
    { name: 'caption.object_precision', ...objects, score: ([matched = 0, claimed = 0]) => matched / Math.max(claimed, 1) },
    { name: 'caption.object_recall', ...objects, score: ([matched = 0, , present = 0]) => matched / Math.max(present, 1) },
    { name: 'caption.placed_object_f1', ...placed, score: f1OfSums },
    meanOf(
      'caption.exact',
      pictures.map(({ caption, truth }) => Number(isExact(caption, truth.captions))),
    ),
    answersOf('vqa.accuracy', pictures),
    ...kinds.map((kind) => answersOf(`vqa.by_kind.${kind}`, pictures, kind)),
    {
      name: 'bleu4',
      columns: BLEU_COLUMNS,
      rows: pictures.map(({ caption, truth }) => bleuStatistics(caption, truth.captions)),
      score: bleu,
    },
    meanOf(
      'rouge_l',
      pictures.map(({ caption, truth }) => rougeL(caption, truth.captions)),
    ),
    meanOf('cider', ciders),
  ];
}

const columnsOf = (kind: string): string[] => [`${kind}.matched`, `${kind}.claimed`, `${kind}.present`];
const f1OfSums = ([matched = 0, claimed = 0, present = 0]: readonly number[]): number => f1({ matched, claimed, present });
const BLEU_COLUMNS = [
  ...['bleu4.words', 'bleu4.reference_words'],
  ...[1, 2, 3, 4].map((n) => `bleu4.matches_${n}`),
  ...[1, 2, 3, 4].map((n) => `bleu4.ngrams_${n}`),
];
const COUNT = 'pictures';

function meanOf(name: string, values: readonly number[]): SceneMetric {
  return { name, columns: [name, COUNT], rows: values.map((value) => [value, 1]), score: ([sum = 0, n = 0]) => sum / n };
}

/** The share of questions, of one kind or of all, answered right. */
function answersOf(name: string, pictures: readonly SceneAnswers[], only?: string): SceneMetric {
  const rows = pictures.map(({ truth, answers }) => {
    const asked = [...truth.questions.entries()].filter(([, { kind }]) => only === undefined || kind === only);
    return [asked.filter(([index, { answer }]) => isRightAnswer(answers[index] ?? '', answer)).length, asked.length];
  });
  return { name, columns: [`${name}.right`, `${name}.asked`], rows, score: ([right = 0, asked = 0]) => right / asked };
}

/** Word for word one of the right captions; case and punctuation do not count. */
function isExact(caption: string, right: readonly string[]): boolean {
  const said = captionWords(caption).join(' ');
  return right.some((one) => captionWords(one).join(' ') === said);
}
