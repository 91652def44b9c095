import { expect, it } from 'vitest';

import { createReadKernel } from './read-kernel.js';

it('reads every word: the sum of even words of ones is their number', () => {
  const kernel = createReadKernel(1 << 20);
  // Lane 0 sums every other 64-bit word.
  expect(kernel.read()).toBe(BigInt(kernel.bytes / 16));
});
