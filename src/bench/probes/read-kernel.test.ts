import { expect, it } from 'vitest';

import { createReadKernel } from './read-kernel.js';

it('reads to the last byte', () => {
  const { memory, read } = createReadKernel(1 << 20);
  expect(read()).toBe(-1);
  memory[memory.length - 1] = 0;
  expect(read()).toBe(memory.length - 1);
});
