import { describe, expect, test } from 'vitest';
import { AnswerLengths } from './answer-lengths.js';

function after(...lengths: readonly number[]): AnswerLengths {
  const answers = new AnswerLengths();
  for (const tokens of lengths) answers.record(tokens);
  return answers;
}

describe('how long answers are', () => {
  test('nothing is known before the first has ended', () => {
    expect(after().remaining(5)).toBe(Infinity);
    expect(after().endsAfter(5)).toBe(0);
  });

  test('what is to come is what came in answers that got so far', () => {
    const answers = after(1, 1, 1, 21, 31);
    expect(answers.remaining(1)).toBe(10);
    expect(answers.remaining(2)).toBe(24);
    expect(answers.endsAfter(1)).toBe(0.6);
    expect(answers.endsAfter(2)).toBe(0);
    expect(answers.endsAfter(21)).toBe(0.5);
  });

  test('an answer longer than all before is half over', () => {
    expect(after(3, 4).remaining(10)).toBe(10);
    expect(after(3, 4).endsAfter(10)).toBe(0);
  });

  test('old answers are forgotten', () => {
    const answers = after(1000, ...Array.from({ length: 32 }, () => 2));
    expect(answers.remaining(1)).toBe(1);
  });
});
