import { describe, expect, test } from 'vitest';
import { parseGbnf } from './parse-gbnf.js';

describe('a grammar in GBNF', () => {
  test('is read with its literals, classes, groups, repetitions, comments and tokens', () => {
    const rules = parseGbnf('# a list\nroot ::= "[" item ("," item){0,3} "]" |\n  <[7]> !<stop>\nitem ::= [a-c\\]\\n-] . [^"]+ # one\n\n');
    expect([...rules.keys()]).toEqual(['root', 'item']);
    expect(rules.get('item')).toEqual({
      type: 'sequence',
      items: [
        {
          type: 'characters',
          ranges: [
            [0x61, 0x63],
            [0x5d, 0x5d],
            [0x0a, 0x0a],
            [0x2d, 0x2d],
          ],
          negated: false,
        },
        { type: 'characters', ranges: [[1, 0x10ffff]], negated: false },
        { type: 'repeat', item: { type: 'characters', ranges: [[0x22, 0x22]], negated: true }, min: 1, max: Infinity },
      ],
    });
  });

  test('takes code points beyond 16 bits and escapes of every width', () => {
    const character = (code: number): unknown => ({ type: 'characters', ranges: [[code, code]], negated: false });
    expect(parseGbnf('root ::= "😀\\x41\\u00e9\\U0001F600"').get('root')).toEqual({
      type: 'sequence',
      items: [{ type: 'sequence', items: [0x1f600, 0x41, 0xe9, 0x1f600].map(character) }],
    });
  });

  test.each<[text: string, where: RegExp]>([
    ['root = "a"', /line 1, column 6: expected ::=/],
    ['root ::= "a', /line 1, column 12: unexpected end/],
    ['root ::= [a', /line 1, column 12: unexpected end/],
    ['root ::= []', /line 1, column 10: a class without characters/],
    ['root ::= [b-a]', /ends before it begins/],
    ['root ::= "\\q"', /line 1, column 11: unknown escape \\q/],
    ['root ::= "\\x0"', /is no character/],
    ['root ::= "\\x00"', /is no character/],
    ['root ::= "\\UFFFFFFFF"', /is no character/],
    ['root ::= *', /nothing to repeat/],
    ['root ::= "a"{', /expected a repetition/],
    ['root ::= "a"{5,2}', /line 1, column 13: \{5,2\} is no repetition/],
    ['root ::= ("a"', /expected \)/],
    ['root ::= "a")', /expected the end of the line/],
    ['root ::= <a b>', /expected a token/],
    ['root ::= "a"\nroot ::= "b"', /line 2, column 1: the rule root is defined twice/],
    ['root ::= "a"\n  | "b"', /line 2, column 3: expected a rule name/],
    ['root ::= "a\0"', /unexpected end/],
  ])('%j is refused with its place', (text, where) => {
    expect(() => parseGbnf(text)).toThrow(
      expect.objectContaining({ code: 'GRAMMAR_INVALID', message: expect.stringMatching(where) as string }),
    );
  });

  test.each([
    ['a text of a megabyte', `root ::= "${'a'.repeat(1 << 20)}"`],
    ['parentheses a thousand deep', `root ::= ${'('.repeat(1000)}"a"${')'.repeat(1000)}`],
    ['a million repetitions', 'root ::= "a"{1000000}'],
    ['repetitions beyond any number', `root ::= "a"{0,${'9'.repeat(20)}}`],
  ])('%s is too large', (_, text) => {
    expect(() => parseGbnf(text)).toThrow(expect.objectContaining({ code: 'GRAMMAR_LIMIT' }));
  });
});
