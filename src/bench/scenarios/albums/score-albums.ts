import { EdgeVlmError } from '../../../core/errors.js';
import { answerMetrics, majorityAnswers, type ScoredAnswer } from '../../quality/answer-metrics.js';
import { objectMetrics, type ScoredCaption } from '../../quality/caption-metrics.js';
import { chanceScore, meanMetric, perItem, scoreMetrics, type Metric, type Scored } from '../../quality/metric.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import type { AlbumAnswers } from './albums-scenario.js';

/** The scores that are told of each picture number, too: late pictures are described after a long conversation. */
const BY_PICTURE: ReadonlyMap<string, string> = new Map([
  ['caption.object_f1', 'object_f1'],
  ['caption.exact', 'exact'],
]);

/**
 * Scores what a model said of at least one album: `caption.…` over all pictures and `caption.by_picture.<number>.…`,
 * `vqa.accuracy`, `vqa.by_kind.<kind>`, all from 0 to 1, and `context.tokens`. What was not asked because the context was full does
 * not count. Those named `chance.…` are had without looking or remembering: to each kind of question its most frequent answer.
 * @param seed of the bootstrap, which draws albums
 * @throws EdgeVlmError CONTEXT_FULL when no picture was described
 */
export function scoreAlbums(albums: readonly AlbumAnswers[], vocabulary: CaptionVocabulary, seed: number): Scored {
  const captions = albums.flatMap(({ truth, captions: said }, album) =>
    said.map((text, at) => {
      const { objects = [], captions: right = [] } = truth.pictures[at] ?? {};
      return { album, number: at + 1, caption: { said: text, objects, right } satisfies ScoredCaption };
    }),
  );
  if (captions.length === 0) throw new EdgeVlmError('CONTEXT_FULL', 'not one picture of an album fits into the context');
  const answers = albums.flatMap(({ truth, answers: said }, album) =>
    said.map((text, at): ScoredAnswer & { readonly album: number } => {
      const { kind = '', answer = '' } = truth.questions[at] ?? {};
      return { kind, answer, said: text, album };
    }),
  );
  const described = (of: typeof captions): Metric[] =>
    objectMetrics(
      of.map(({ caption }) => caption),
      vocabulary,
    ).map((metric) => {
      return perItem(
        metric,
        of.map(({ album }) => album),
        albums.length,
      );
    });
  const vqa = (to: readonly ScoredAnswer[]): Metric[] =>
    answerMetrics(to).map((metric) => {
      return perItem(
        metric,
        answers.map(({ album }) => album),
        albums.length,
      );
    });
  const numbers = [...new Set(captions.map(({ number }) => number))].sort((a, b) => a - b);
  const byPicture = numbers.flatMap((number) =>
    described(captions.filter((caption) => caption.number === number)).flatMap((metric) => {
      const name = BY_PICTURE.get(metric.name);
      const path = `caption.by_picture.${number}.`;
      return name === undefined ? [] : [{ ...metric, name: path + name, columns: metric.columns.map((column) => path + column) }];
    }),
  );
  const context = meanMetric(
    'context.tokens',
    'tokens',
    albums.map(({ contextTokens }) => contextTokens),
  );
  const { scores, samples } = scoreMetrics([...described(captions), ...byPicture, ...vqa(answers), context], seed);
  return { scores: [...scores, ...vqa(majorityAnswers(answers)).flatMap(chanceScore)], samples };
}
