import { expect, test } from 'vitest';
import { memoryBudget } from './served-model-options.js';

test.each([
  ['auto', 'auto'],
  ['6000000000', 6_000_000_000],
  ['512M', 512 * 1024 ** 2],
  ['6G', 6 * 1024 ** 3],
  ['2GiB', 2 * 1024 ** 3],
])('--memory-budget %s is %s', (text, budget) => {
  expect(memoryBudget(text)).toBe(budget);
});

test.each(['', '0', '-1', '1.5G', 'much', '1e9', '9999999999T'])('--memory-budget "%s" is refused', (text) => {
  expect(() => memoryBudget(text)).toThrow('Expected auto');
});
