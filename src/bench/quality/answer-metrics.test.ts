import { expect, it } from 'vitest';

import { answerMetrics, majorityAnswers, type ScoredAnswer } from './answer-metrics.js';
import { scoreMetrics } from './metric.js';

const of = (kind: string, answer: string, said = ''): ScoredAnswer => ({ kind, answer, said });
const valuesOf = (answers: readonly ScoredAnswer[]): Record<string, number> =>
  Object.fromEntries(scoreMetrics(answerMetrics(answers), 0).scores.map(({ name, value }) => [name, value]));

it('counts right answers of all kinds and of each', () => {
  const answers = [of('count', '2', 'two'), of('count', '3', '4'), of('colour', 'red', 'Red.'), of('colour', 'blue', '')];
  expect(valuesOf(answers)).toEqual({ 'vqa.accuracy': 2 / 4, 'vqa.by_kind.colour': 1 / 2, 'vqa.by_kind.count': 1 / 2 });
});

it('without looking, each kind is given its most frequent answer; yes-or-no questions can be told from the others', () => {
  const answers = [
    ...[of('colour', 'red'), of('colour', 'blue'), of('colour', 'red')],
    ...[of('relation', 'yes'), of('relation', 'no'), of('relation', 'no'), of('relation', 'left'), of('relation', 'a red star')],
  ];
  const guesses = majorityAnswers(answers);
  expect(guesses.map(({ said }) => said)).toEqual(['red', 'red', 'red', 'no', 'no', 'no', 'left', 'left']);
  expect(valuesOf(guesses)).toEqual({ 'vqa.accuracy': 5 / 8, 'vqa.by_kind.colour': 2 / 3, 'vqa.by_kind.relation': 3 / 5 });
});
