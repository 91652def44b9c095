import { expect, it } from 'vitest';
import { ConstrainedSampler } from './constrained-sampler.js';
import { GreedySampler } from './greedy-sampler.js';
import { LogprobSampler } from './logprob-sampler.js';

const LOGITS = Float32Array.of(1, 3, 2, 3, -Infinity);
const TOTAL = Math.log(Math.exp(1) + 2 * Math.exp(3) + Math.exp(2));

it('notes the logarithm of each probability, and the likeliest in order, of equals the first', () => {
  const sampler = new LogprobSampler(new GreedySampler(), 3);
  const token = sampler.sample(LOGITS);
  sampler.accept(token);
  const chances = sampler.next();
  expect(chances?.logprob).toBeCloseTo(3 - TOTAL, 6);
  expect(chances?.top.map((one) => one.token)).toEqual([1, 3, 2]);
  expect(chances?.top[2]?.logprob).toBeCloseTo(2 - TOTAL, 6);
  expect(sampler.next()).toBeUndefined();
});

it('is not moved by what a grammar leaves out', () => {
  const only = {
    allows: (token: number) => token === 0,
    mask: (logits: Float32Array) => logits.fill(-Infinity, 1).length > 0,
    accept: () => undefined,
  };
  const sampler = new LogprobSampler(new ConstrainedSampler(new GreedySampler(), only), 1);
  sampler.accept(sampler.sample(LOGITS.slice()));
  const chances = sampler.next();
  expect(chances?.logprob).toBeCloseTo(1 - TOTAL, 6);
  expect(chances?.top[0]?.token).toBe(1);
});

it('tokens come out in the order in which they were taken, several at once where guesses were right', () => {
  const sampler = new LogprobSampler(new GreedySampler(), 0);
  for (const logits of [Float32Array.of(5, 0), Float32Array.of(0, 0)]) sampler.accept(sampler.sample(logits));
  expect([sampler.next(), sampler.next()].map((one) => Math.exp(one?.logprob ?? NaN).toFixed(3))).toEqual(['0.993', '0.500']);
});

it('has probabilities exactly where the sampler within has: without them guesses are matched', () => {
  expect(new LogprobSampler(new GreedySampler(), 0).probabilities?.(LOGITS)[1]).toBe(1);
  const bare = { sample: () => 0, accept: () => undefined, [Symbol.dispose]: () => undefined };
  expect(new LogprobSampler(bare, 0).probabilities).toBeUndefined();
});
