import type { Samples } from '../../../core/run-record.js';
import { bootstrapInterval, type Interval } from '../../statistics/bootstrap.js';
import { captionWords } from '../../quality/caption-words.js';
import { cider } from '../../quality/cider.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import { sceneMetrics } from './scene-metrics.js';
import type { SceneAnswers } from './scenes-scenario.js';

/** A score and its 95% interval over pictures. */
export interface Score {
  readonly name: string;
  readonly value: number;
  readonly interval: Interval;
}

export interface ScenesScores {
  /** `caption.…`, `vqa.accuracy`, `vqa.by_kind.<kind>`, `rouge_l` from 0 to 1, `bleu4` to 100, `cider` to 10. */
  readonly scores: readonly Score[];
  /** CIDEr of the canonical captions themselves: what a model that is always right gets, below 10 where there are several wordings. */
  readonly ciderOfTruth: number;
  /** The numbers of each picture from which the scores were computed. */
  readonly samples: readonly Samples[];
}

/** Scores what a model said of at least one picture. @param seed of the bootstrap */
export function scoreScenes(pictures: readonly SceneAnswers[], vocabulary: CaptionVocabulary, seed: number): ScenesScores {
  const metrics = sceneMetrics(pictures, vocabulary);
  // Metrics share columns; each becomes one list.
  const samples = new Map<string, Samples>();
  for (const { columns, rows } of metrics) {
    for (const [column, name] of columns.entries()) {
      samples.set(name, { name, unit: unitOf(name), values: rows.map((row) => row[column] ?? 0) });
    }
  }
  samples.delete('pictures');
  samples.set('caption.total_ms', { name: 'caption.total_ms', unit: 'ms', values: pictures.map(({ caption_ms }) => caption_ms) });

  const truths = pictures.map(({ truth: { captions } }) => captions.map(captionWords));
  const ofTruth = cider(
    truths.map((references) => ({ candidate: references[0] ?? [], references })),
    'CIDEr-D',
  );
  return {
    scores: metrics.map(({ name, rows, score }) => ({
      name,
      value: score(columnSums(rows)),
      interval: bootstrapInterval(rows, score, { seed }),
    })),
    ciderOfTruth: ofTruth.reduce((sum, value) => sum + value, 0) / ofTruth.length,
    samples: [...samples.values()],
  };
}

function unitOf(name: string): string {
  if (name === 'cider') return '10 × cosine';
  return ['caption.exact', 'rouge_l'].includes(name) ? 'fraction' : 'count';
}

function columnSums(rows: readonly (readonly number[])[]): number[] {
  return (rows[0] ?? []).map((_, column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0));
}
