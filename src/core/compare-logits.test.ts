import { expect, test } from 'vitest';
import { compareLogits } from './compare-logits.js';

const log = (...shares: number[]): Float32Array => Float32Array.from(shares.map(Math.log));

test('a distribution does not diverge from itself, however its logits are shifted', () => {
  const logits = Float32Array.of(1, -2, 3.5, 0);
  expect(compareLogits(logits, logits)).toEqual({ kl: 0, agrees: true });
  expect(
    compareLogits(
      logits,
      logits.map((logit) => logit + 50),
    ).kl,
  ).toBeCloseTo(0, 5);
});

test('divergence is Σ p·ln(p / q), and is not symmetric', () => {
  const [p, q] = [log(0.5, 0.5), log(0.9, 0.1)];
  expect(compareLogits(p, q).kl).toBeCloseTo(0.5 * Math.log(0.5 / 0.9) + 0.5 * Math.log(0.5 / 0.1), 6);
  expect(compareLogits(q, p).kl).toBeCloseTo(0.9 * Math.log(0.9 / 0.5) + 0.1 * Math.log(0.1 / 0.5), 6);
});

test('agreement is of the likeliest token', () => {
  expect(compareLogits(log(0.6, 0.4), log(0.51, 0.49)).agrees).toBe(true);
  expect(compareLogits(log(0.6, 0.4), log(0.49, 0.51)).agrees).toBe(false);
});

test('what is impossible in the reference costs nothing, what the other thinks impossible costs all', () => {
  expect(compareLogits(log(1, 0), log(0.5, 0.5)).kl).toBeCloseTo(Math.LN2, 6);
  expect(compareLogits(log(0.5, 0.5), log(1, 0)).kl).toBe(Infinity);
});

test('tokens that only one vocabulary has, such as padding, do not count', () => {
  expect(compareLogits(log(0.5, 0.5), Float32Array.of(0, 0, 40))).toEqual({ kl: 0, agrees: true });
  expect(compareLogits(Float32Array.of(0, 0, 40), log(0.5, 0.5))).toEqual({ kl: 0, agrees: true });
});
