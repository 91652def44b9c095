import { expect, it } from 'vitest';

import type { Score } from '../../core/run-record.js';
import { chanceVerdict } from './chance-verdict.js';
import { scoreFields } from './score-fields.js';

const score = (name: string, value: number, low?: number, high?: number): Score => {
  const interval = low === undefined || high === undefined ? null : { low, high, level: 0.95 };
  return { name, unit: 'fraction', value, n: 10, interval };
};

it('the dots of a name are levels of the JSON object', () => {
  const scores = [score('caption.exact', 0.5, 0.4, 0.6), score('vqa.accuracy', 0.9, 0.8, 1), score('vqa.by_kind.colour', 0.7, 0.6, 0.8)];
  expect(scoreFields([...scores, score('bleu4', 30, 20, 40), score('chance.vqa.accuracy', 0.2)])).toEqual({
    caption: { exact: 0.5 },
    vqa: { accuracy: 0.9, by_kind: { colour: 0.7 } },
    bleu4: 30,
    chance: { vqa: { accuracy: 0.2 } },
    intervals: { 'caption.exact': [0.4, 0.6], 'vqa.accuracy': [0.8, 1], 'vqa.by_kind.colour': [0.6, 0.8], bleu4: [20, 40] },
  });
});

it.each([
  ['pass', 0.24, 0.19],
  ['pass', 0.1, 0.05],
  ['fail', 0.9, 0.85],
  ['fail', 0.22, 0.21],
] as const)('shuffled pictures must leave nothing but chance: %s at %d from %d', (outcome, value, low) => {
  const captions = [score('caption.object_f1', 0.01, 0, 0.02), score('chance.caption.object_f1', 0.01)];
  const verdict = chanceVerdict([...captions, score('vqa.accuracy', value, low, 1), score('chance.vqa.accuracy', 0.2)]);
  expect(verdict).toMatchObject({ name: 'chance', outcome });
  expect(verdict.detail).toContain(`vqa.accuracy ${value.toFixed(4)}`);
});
