import { describe, expect, it } from 'vitest';

import { parsePrompts } from './parse-prompts.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a file of prompts', () => {
  it('has one a line; blank lines and white space around do not count', () => {
    expect(parsePrompts(bytes('\uFEFFone \r\n\n \t \n  zwei, drei\rquatre'), 'p')).toEqual(['one', 'zwei, drei', 'quatre']);
  });

  it.each([
    ['nothing but blank lines', bytes('\n \n'), /p has no prompts/],
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe, 0x41), /p is not text in UTF-8/],
    ['zero bytes', bytes('a\0b'), /p is no text/],
  ])('is refused when it has %s', (_, content, message) => {
    expect(() => parsePrompts(content, 'p')).toThrow(message);
  });
});
