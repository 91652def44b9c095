import fc from 'fast-check';
import { expect, it } from 'vitest';

import { isRightAnswer, normaliseVqaAnswer } from './vqa-answer.js';

it.each([
  ['Red.', 'red'],
  ['  The top   left ', 'top left'],
  ['top-left', 'top left'],
  ['Yes, it is!', 'yes it is'],
  ['Two', '2'],
  ['none', '0'],
  ['An apple; a pear', 'apple pear'],
  ['1,000', '1000'],
  ['3.5', '3.5'],
  ["it's", "it's"],
  ['"blue"', 'blue'],
  ['a', ''],
  ['', ''],
])('%j becomes %j', (answer, normal) => {
  expect(normaliseVqaAnswer(answer)).toBe(normal);
});

it('answers count as right when they say the same word, not when they say more or another', () => {
  expect(isRightAnswer('The Center.', 'center')).toBe(true);
  expect(isRightAnswer('two', '2')).toBe(true);
  expect(isRightAnswer('red circle', 'red')).toBe(false);
  expect(isRightAnswer('', 'red')).toBe(false);
});

it('normalising twice is normalising once', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[A-Za-z0-9.?!-]{0,8}$/), { maxLength: 5 }), (words) => {
      const once = normaliseVqaAnswer(words.join(' '));
      expect(normaliseVqaAnswer(once)).toBe(once);
    }),
  );
});
