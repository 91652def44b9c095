import { describe, expect, it } from 'vitest';

import type { Scored } from '../../quality/metric.js';
import { scoresTable } from '../../quality/scores-table.js';
import type { SceneAnswers } from './scenes-scenario.js';
import { scoreScenes } from './score-scenes.js';

const VOCABULARY = {
  shapes: ['circle', 'star', 'ring'],
  colours: ['red', 'blue', 'green'],
  sizes: ['small', 'large'],
  positions: ['top left', 'top', 'center', 'bottom'],
};

function picture(size: string, colour: string, shape: string, position: string): SceneAnswers {
  const captions = [`a ${size} ${colour} ${shape} at the ${position}.`, `There is a ${size} ${colour} ${shape} at the ${position}.`];
  return {
    truth: {
      objects: [{ shape, colour, size, position }],
      captions,
      questions: [
        { kind: 'colour', question: `What color is the ${shape}?`, answer: colour },
        { kind: 'colour', question: 'What colour is it?', answer: colour },
        { kind: 'exists', question: `Is there a ${shape}?`, answer: 'yes' },
      ],
    },
    caption: captions[0] ?? '',
    answers: [colour, colour, 'yes'],
    caption_ms: 3,
  };
}

const RIGHT = [
  picture('small', 'red', 'circle', 'top left'),
  picture('large', 'blue', 'star', 'top'),
  picture('small', 'green', 'ring', 'center'),
  picture('large', 'red', 'ring', 'bottom'),
];
const valueOf = ({ scores }: Scored, name: string): number | undefined => scores.find((score) => score.name === name)?.value;

describe('scoring scenes', () => {
  it('answers that are all right get every maximum', () => {
    const scored = scoreScenes(RIGHT, VOCABULARY, 0);
    for (const { name, value, n, interval } of scored.scores) {
      if (name.startsWith('cider') || name.startsWith('chance.')) continue;
      const best: unknown = expect.closeTo(name === 'bleu4' ? 100 : 1, 9);
      expect([name, value, n, interval]).toEqual([name, best, RIGHT.length, { low: best, high: best, level: 0.95 }]);
    }
    expect(valueOf(scored, 'cider')).toBe(valueOf(scored, 'cider_of_truth'));
    expect(valueOf(scored, 'cider')).toBeGreaterThan(5);
  });

  it('counts what is wrong where it belongs', () => {
    const [first, second, third, fourth] = RIGHT;
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) throw new Error('four pictures');
    const scored = scoreScenes(
      [
        // The wording of another right caption, and one answer of three wrong.
        { ...first, caption: 'There is a small red circle at the top left', answers: ['Red.', 'blue', 'yes'] },
        // Right object, wrong place.
        { ...second, caption: 'a large blue star at the center.' },
        // Right object and one that is not there.
        { ...third, caption: 'a small green ring at the center and a large red star at the top.' },
        // Nothing.
        { ...fourth, caption: '', answers: ['', '', 'no'] },
      ],
      VOCABULARY,
      0,
    );
    const expected = {
      'caption.object_f1': (2 * 3) / (4 + 4),
      'caption.object_precision': 3 / 4,
      'caption.object_recall': 3 / 4,
      'caption.placed_object_f1': (2 * 2) / (4 + 4),
      'caption.exact': 1 / 4,
      'vqa.accuracy': 8 / 12,
      'vqa.by_kind.colour': 5 / 8,
      'vqa.by_kind.exists': 3 / 4,
    };
    for (const [name, value] of Object.entries(expected)) expect([name, valueOf(scored, name)]).toEqual([name, expect.closeTo(value, 12)]);
    expect(valueOf(scored, 'bleu4')).toBeLessThan(100);
    expect(valueOf(scored, 'cider')).toBeLessThan(valueOf(scored, 'cider_of_truth') ?? NaN);
    for (const { name, value, interval } of scored.scores) {
      if (interval === null) continue;
      expect(interval.low, name).toBeLessThanOrEqual(value);
      expect(interval.high, name).toBeGreaterThanOrEqual(value);
    }
  });

  it('a model that says nothing at all gets zeros, not holes', () => {
    const silent = RIGHT.map((answers) => ({ ...answers, caption: '', answers: [] }));
    for (const { name, value } of scoreScenes(silent, VOCABULARY, 0).scores) {
      if (name !== 'cider_of_truth' && !name.startsWith('chance.')) expect([name, value]).toEqual([name, 0]);
    }
  });

  it('keeps the numbers of each picture, from which the scores follow', () => {
    const { samples } = scoreScenes(RIGHT, VOCABULARY, 0);
    const sum = (name: string): number => samples.find((list) => list.name === name)?.values.reduce((a, b) => a + b, 0) ?? NaN;
    expect([sum('objects.matched'), sum('objects.claimed'), sum('objects.present')]).toEqual([4, 4, 4]);
    expect([sum('vqa.by_kind.colour.right'), sum('vqa.by_kind.colour.asked')]).toEqual([8, 8]);
    for (const { values } of samples) expect(values).toHaveLength(RIGHT.length);
  });

  it('says what is had without looking: the caption of the next picture, and the most frequent answer of each kind', () => {
    const scored = scoreScenes(RIGHT, VOCABULARY, 0);
    const expected = {
      // No picture shows what its neighbour shows.
      'chance.caption.object_f1': 0,
      // Red is the colour of two of four pictures; every answer on existence is yes.
      'chance.vqa.by_kind.colour': 2 / 4,
      'chance.vqa.by_kind.exists': 1,
      'chance.vqa.accuracy': (4 + 4) / 12,
    };
    for (const [name, value] of Object.entries(expected)) expect([name, valueOf(scored, name)]).toEqual([name, expect.closeTo(value, 12)]);
    const twins = scoreScenes([...RIGHT.slice(0, 1), ...RIGHT.slice(0, 1)], VOCABULARY, 0);
    expect(valueOf(twins, 'chance.caption.object_f1')).toBe(1);
    const alone = scoreScenes(RIGHT.slice(0, 1), VOCABULARY, 0);
    expect(valueOf(alone, 'chance.caption.object_f1')).toBeUndefined();
  });

  it('prints a table', () => {
    const lines = scoresTable(scoreScenes(RIGHT, VOCABULARY, 0).scores);
    expect(lines[0]).toMatch(/^\| +\| +score \| +95% interval \| chance \|$/);
    expect(lines[2]).toMatch(/^\| objects, F1 +\| 100\.0% \| 100\.0% – 100\.0% \| +0\.0% \|$/);
    expect(lines.filter((line) => line.startsWith('| questions on '))).toHaveLength(2);
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
  });
});
