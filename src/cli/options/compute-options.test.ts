import { describe, expect, it } from 'vitest';
import { cpuMask } from './compute-options.js';

describe('a CPU mask', () => {
  it.each([
    ['1', [0]],
    ['0x3', [0, 1]],
    ['F0', [4, 5, 6, 7]],
    ['8'.padEnd(17, '0'), [67]],
  ])('%s names the CPUs %j', (text, cpus) => {
    expect(cpuMask(text)).toEqual(cpus);
  });

  it.each(['', '0', '0x', 'g', '-1', '1 ', '1'.padEnd(129, '0')])('is not %j', (text) => {
    expect(() => cpuMask(text)).toThrow('Expected hexadecimal digits');
  });
});
