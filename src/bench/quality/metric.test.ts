import { expect, it } from 'vitest';

import { chanceScore, meanMetric, perItem, scoreMetrics, type Metric } from './metric.js';

const share: Metric = {
  name: 'share',
  unit: 'fraction',
  columns: ['share.right', 'share.asked'],
  // Of three questions on the first picture and one on the second.
  rows: [
    [1, 1],
    [0, 1],
    [1, 1],
    [1, 1],
  ],
  score: ([right = 0, asked = 0]) => right / asked,
};

it('adds up the rows of each item, so that items are what is resampled', () => {
  const grouped = perItem(share, [0, 0, 0, 1], 2);
  expect(grouped.rows).toEqual([
    [2, 3],
    [1, 1],
  ]);
  const { scores, samples } = scoreMetrics([grouped], 0);
  // Of two pictures either is drawn twice, or both are: 2/3, 3/4 or 1.
  expect(scores).toEqual([{ name: 'share', unit: 'fraction', value: 3 / 4, n: 2, interval: { low: 2 / 3, high: 1, level: 0.95 } }]);
  expect(samples).toEqual([
    { name: 'share.right', unit: 'count', values: [2, 1], over: 'items' },
    { name: 'share.asked', unit: 'count', values: [3, 1], over: 'items' },
  ]);
});

it('an item without rows counts nothing, and a ratio of nothing is no score', () => {
  expect(perItem(share, [0, 0, 2, 2], 3).rows[1]).toEqual([0, 0]);
  const never = { ...share, name: 'never', rows: [[0, 0]] };
  expect(scoreMetrics([never], 0)).toEqual({ scores: [], samples: [] });
  expect(chanceScore(never)).toEqual([]);
});

it('a mean keeps its values, and what is had without looking has no interval', () => {
  const mean = meanMetric('tokens', 'tokens', [10, 30]);
  const { scores, samples } = scoreMetrics([mean], 0);
  expect(scores).toMatchObject([{ name: 'tokens', unit: 'tokens', value: 20, n: 2 }]);
  expect(samples).toEqual([{ name: 'tokens', unit: 'tokens', values: [10, 30], over: 'items' }]);
  expect(chanceScore(mean)).toEqual([{ name: 'chance.tokens', unit: 'tokens', value: 20, n: 2, interval: null }]);
});
