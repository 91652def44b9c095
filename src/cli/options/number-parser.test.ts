import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { decimalNumber, wholeNumber } from './number-parser.js';

describe('a whole number', () => {
  it.each(['1', '7', '512', '007'])('is %j', (text) => {
    expect(wholeNumber(1, 512)(text)).toBe(Number(text));
  });

  it.each(['0', '513', '-1', '1.5', '1e2', '0x10', '', ' 7', 'abc', 'NaN', 'Infinity', '７'])('from 1 to 512 is not %j', (text) => {
    expect(() => wholeNumber(1, 512)(text)).toThrow(InvalidArgumentError);
  });
});

describe('a number', () => {
  it.each(['0', '0.5', '.5', '1.', '1', '0.0'])('is %j', (text) => {
    expect(decimalNumber(0, 1)(text)).toBe(Number(text));
  });

  it.each(['1.01', '-0.1', '.', '', '0,5', '1e-3', 'NaN', 'Infinity', '0.5x'])('from 0 to 1 is not %j', (text) => {
    expect(() => decimalNumber(0, 1)(text)).toThrow('Expected a number from 0 to 1.');
  });
});
