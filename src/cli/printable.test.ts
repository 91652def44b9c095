import { expect, it } from 'vitest';
import { printable } from './printable.js';

it('keeps text and its lines, and leaves out what moves cursors, rings bells or sets titles', () => {
  expect(printable('naïve 猫\n\tend')).toBe('naïve 猫\n\tend');
  expect(printable('a\u001b]0;title\u0007b\u009b2Jc\rd\u0008')).toBe('a]0;titleb2Jcd');
});
