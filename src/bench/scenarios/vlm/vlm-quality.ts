import { objectMetrics, wordingMetrics, type ScoredCaption } from '../../quality/caption-metrics.js';
import { chanceScore, scoreMetrics, type Scored } from '../../quality/metric.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import type { MeasuredPicture } from './measure-picture.js';

/**
 * How good the answers are, taken as captions, on the pictures whose truth is known: `bleu4`, `rouge_l`, `cider` and, where objects are
 * listed for all of them, `caption.…` with what the caption of the next picture would get as `chance.…`.
 * @param seed of the bootstrap, which draws pictures
 */
export function vlmQuality(pictures: readonly MeasuredPicture[], vocabulary: CaptionVocabulary, seed: number): Scored {
  const known = pictures.flatMap(({ answer, truth }) =>
    truth === null ? [] : [{ said: answer, objects: truth.objects, right: truth.captions }],
  );
  if (known.length === 0) return { scores: [], samples: [] };
  const captions = known.map((caption): ScoredCaption => ({ ...caption, objects: caption.objects ?? [] }));
  const listsObjects = known.every(({ objects }) => objects !== null);
  const metrics = [...(listsObjects ? objectMetrics(captions, vocabulary) : []), ...wordingMetrics(captions)];
  const { scores, samples } = scoreMetrics(metrics, seed);
  const others = captions.map((caption, at) => ({ ...caption, said: captions[(at + 1) % captions.length]?.right[0] ?? '' }));
  const chance = listsObjects && captions.length > 1 ? objectMetrics(others, vocabulary) : [];
  return { scores: [...scores, ...chance.flatMap(chanceScore)], samples };
}
