import { answerMetrics, majorityAnswers, type ScoredAnswer } from '../../quality/answer-metrics.js';
import { objectMetrics, wordingMetrics, type ScoredCaption } from '../../quality/caption-metrics.js';
import { chanceScore, perItem, scoreMetrics, type Metric, type Scored } from '../../quality/metric.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import type { SceneAnswers } from './scenes-scenario.js';

/**
 * Scores what a model said of at least one picture: `caption.…`, `vqa.accuracy`, `vqa.by_kind.<kind>`, `rouge_l` from 0 to 1,
 * `bleu4` to 100, `cider` to 10. Those named `chance.…` are had without looking: the caption of the next picture, and to each kind
 * of question its most frequent answer.
 * @param seed of the bootstrap
 */
export function scoreScenes(pictures: readonly SceneAnswers[], vocabulary: CaptionVocabulary, seed: number): Scored {
  const captions = pictures.map(({ caption, truth }): ScoredCaption => ({ said: caption, objects: truth.objects, right: truth.captions }));
  const answers = pictures.flatMap(({ truth, answers: said }) =>
    truth.questions.map(({ kind, answer }, at): ScoredAnswer => ({ kind, answer, said: said[at] ?? '' })),
  );
  const owners = pictures.flatMap(({ truth }, picture) => truth.questions.map(() => picture));
  const vqa = (to: readonly ScoredAnswer[]): Metric[] => answerMetrics(to).map((metric) => perItem(metric, owners, pictures.length));
  const { scores, samples } = scoreMetrics([...objectMetrics(captions, vocabulary), ...vqa(answers), ...wordingMetrics(captions)], seed);

  const others = captions.map((caption, at) => ({ ...caption, said: captions[(at + 1) % captions.length]?.right[0] ?? '' }));
  const chance = [...(captions.length < 2 ? [] : objectMetrics(others, vocabulary)), ...vqa(majorityAnswers(answers))];
  const times = { name: 'caption.total_ms', unit: 'ms', values: pictures.map(({ caption_ms }) => caption_ms), over: 'items' as const };
  return { scores: [...scores, ...chance.flatMap(chanceScore)], samples: [...samples, times] };
}
