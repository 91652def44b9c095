import { expect, test } from 'vitest';
import { TokenText } from './token-text.js';

/** A tokeniser whose tokens are the bytes of UTF-8. */
const bytes = (tokens: number[]): string => Buffer.from(tokens).toString('utf8');

test('the pieces together are the text, and none ends in the middle of a character', () => {
  const text = 'naïve 🧪 東京.';
  const stream = new TokenText(bytes);
  const pieces = [...Buffer.from(text)].map((token) => stream.push(token));
  expect(pieces.join('')).toBe(text);
  expect(pieces.join('|')).not.toContain('\uFFFD');
});

test('a space that only shows behind another token is not lost', () => {
  const words = ['', 'a', 'red', 'star'];
  const stream = new TokenText((tokens) => tokens.map((token) => words[token]).join(' '));
  expect([1, 2, 3].map((token) => stream.push(token))).toEqual(['a', ' red', ' star']);
});

test('tokens without text, such as special ones, add none', () => {
  const stream = new TokenText((tokens) => bytes(tokens.filter((token) => token > 31)));
  expect([65, 7, 66].map((token) => stream.push(token))).toEqual(['A', '', 'B']);
});
