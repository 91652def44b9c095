import { expect, test } from 'vitest';
import { exitConfidence } from './exit-confidence.js';

const output = (logits: number[], hidden: number[] = [], before: number[] = []): Parameters<typeof exitConfidence>[1] => ({
  logits: Float32Array.from(logits),
  hidden: Float32Array.from(hidden),
  before: Float32Array.from(before),
});

test('the likeliest token, and its lead', () => {
  const logits = [0.2, 0.5, 0.3].map(Math.log);
  expect(exitConfidence('softmax_max', output(logits))).toBeCloseTo(0.5, 6);
  expect(exitConfidence('softmax_diff', output(logits))).toBeCloseTo(0.2, 6);
  expect(exitConfidence('softmax_diff', output([...logits].reverse()))).toBeCloseTo(0.2, 6);
  expect(exitConfidence('softmax_diff', output([3, 3, -Infinity]))).toBeCloseTo(0, 6);
});

test('a state that no longer turns', () => {
  expect(exitConfidence('state', output([], [1, 2, 2], [2, 4, 4]))).toBe(1);
  expect(exitConfidence('state', output([], [1, 0], [0, 1]))).toBe(0);
  expect(exitConfidence('state', output([], [1, 0], [-3, 0]))).toBe(-1);
  expect(exitConfidence('state', output([], [0, 0], [1, 0]))).toBe(0);
});

test('never above 1, the threshold that no token passes', () => {
  for (let i = 1; i < 200; i++) {
    const state = Array.from({ length: 7 }, (_, j) => Math.sin(i * j + i));
    expect(exitConfidence('state', output([], state, state))).toBeLessThanOrEqual(1);
    expect(exitConfidence('softmax_max', output([i, 0, -i]))).toBeLessThanOrEqual(1);
  }
});
