import type { Metric } from './metric.js';
import { isRightAnswer, normaliseVqaAnswer } from './vqa-answer.js';

/** A question of a kind, its true answer and what was answered. */
export interface ScoredAnswer {
  readonly kind: string;
  readonly answer: string;
  readonly said: string;
}

/** The share of questions answered right, of all (`vqa.accuracy`) and of each kind (`vqa.by_kind.<kind>`); a row for each question. */
export function answerMetrics(answers: readonly ScoredAnswer[]): Metric[] {
  const share = (name: string, isAsked: (kind: string) => boolean): Metric => ({
    name,
    unit: 'fraction',
    columns: [`${name}.right`, `${name}.asked`],
    rows: answers.map(({ kind, answer, said }) => (isAsked(kind) ? [Number(isRightAnswer(said, answer)), 1] : [0, 0])),
    score: ([right = 0, asked = 0]) => right / asked,
  });
  const kinds = [...new Set(answers.map(({ kind }) => kind))].sort();
  return [share('vqa.accuracy', () => true), ...kinds.map((kind) => share(`vqa.by_kind.${kind}`, (other) => other === kind))];
}

/**
 * What can be had without looking: every question is answered with the most frequent true answer of its kind. Whether yes or no is
 * wanted can be told from a question, so those questions make kinds of their own.
 */
export function majorityAnswers(answers: readonly ScoredAnswer[]): ScoredAnswer[] {
  const groupOf = ({ kind, answer }: ScoredAnswer): string => (['yes', 'no'].includes(answer) ? `${kind}, yes or no` : kind);
  const counts = new Map<string, Map<string, number>>();
  for (const one of answers) {
    const group = counts.get(groupOf(one)) ?? new Map<string, number>();
    const answer = normaliseVqaAnswer(one.answer);
    counts.set(groupOf(one), group.set(answer, (group.get(answer) ?? 0) + 1));
  }
  const most = new Map([...counts].map(([group, of]) => [group, [...of].sort(([, a], [, b]) => b - a)[0]?.[0] ?? '']));
  return answers.map((one) => ({ ...one, said: most.get(groupOf(one)) ?? '' }));
}
