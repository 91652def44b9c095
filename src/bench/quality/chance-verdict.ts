import type { RunRecord, Score } from '../../core/run-record.js';

/** One score of captions and one of answers: of many scores one would pass its bound by luck. */
const JUDGED = ['caption.object_f1', 'vqa.accuracy'];

/** Of a run with shuffled pictures: whether captions and answers are no better than what can be had without looking. */
export function chanceVerdict(scores: readonly Score[]): RunRecord['verdicts'][number] {
  const judged = JUDGED.flatMap((name) => {
    const [score, chance] = [name, `chance.${name}`].map((wanted) => scores.find((one) => one.name === wanted));
    if (score === undefined || chance === undefined || score.interval === null) return [];
    const { value, interval } = score;
    const detail = `${name} ${value.toFixed(4)} (${interval.low.toFixed(4)} to ${interval.high.toFixed(4)}), chance ${chance.value.toFixed(4)}`;
    return [{ detail, above: interval.low > chance.value }];
  });
  return {
    name: 'chance',
    outcome: judged.some(({ above }) => above) ? 'fail' : 'pass',
    detail: judged.map(({ detail }) => detail).join('; '),
  };
}
