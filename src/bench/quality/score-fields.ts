import type { Score } from '../../core/run-record.js';

/** A tree of numbers: `{ caption: { object_f1: 0.9, … }, bleu4: 80, … }`. */
export interface ScoreTree {
  [name: string]: number | ScoreTree;
}

/**
 * Scores as one JSON object, the dots of their names being its levels, with `intervals` beside them: by name the low and high bound
 * of each that has one.
 */
export function scoreFields(scores: readonly Score[]): ScoreTree & { intervals: Record<string, [low: number, high: number]> } {
  const tree: ScoreTree = {};
  for (const { name, value } of scores) {
    const path = name.split('.');
    const last = path.pop() ?? name;
    let at = tree;
    for (const level of path) {
      const next = at[level];
      const inner: ScoreTree = typeof next === 'object' ? next : {};
      at[level] = inner;
      at = inner;
    }
    at[last] = value;
  }
  const intervals = scores.flatMap(({ name, interval }): [string, [number, number]][] =>
    interval === null ? [] : [[name, [interval.low, interval.high]]],
  );
  return Object.assign(tree, { intervals: Object.fromEntries(intervals) });
}
