import { describe, expect, test } from 'vitest';
import { checkGrammar } from './check-grammar.js';
import { parseGbnf } from './parse-gbnf.js';

const check = (text: string): void => {
  checkGrammar(parseGbnf(text));
};
/** `count` rules, each made of the next by `body`. */
const chain = (count: number, body: (next: string) => string): string =>
  Array.from({ length: count }, (_, i) => `${i === 0 ? 'root' : `r${i}`} ::= ${i === count - 1 ? '"a"' : body(`r${i + 1}`)}`).join('\n');

describe('a grammar that libllama can work with', () => {
  test.each([
    'root ::= "a" root | "b"',
    'root ::= ws "{" ws "}" ws\nws ::= [ \\t\\n]*',
    'root ::= item ("," item)* | ""\nitem ::= "x"? "y"',
    'root ::= ("a"?){0,5}',
    chain(500, (next) => next),
  ])('%j passes', (text) => {
    expect(() => {
      check(text);
    }).not.toThrow();
  });

  test.each<[text: string, reason: RegExp]>([
    ['item ::= "a"', /no rule root/],
    ['root ::= thing', /rule thing, used in root, is not defined/],
    ['root ::= root "a" | "b"', /root begins with itself/],
    ['root ::= "x" | first "a"\nfirst ::= root', /begins with itself/],
    // libllama does not see this one: `maybe` is empty only through another rule.
    ['root ::= maybe root "x" | "y"\nmaybe ::= blank\nblank ::= "" | "b"', /root begins with itself/],
    ['root ::= ("a"?)*', /repeated without end/],
    ['root ::= "a" root', /no text ends/],
    ['root ::= "a" other\nother ::= "b" root', /no text ends/],
  ])('%j is refused', (text, reason) => {
    expect(() => {
      check(text);
    }).toThrow(expect.objectContaining({ code: 'GRAMMAR_INVALID', message: expect.stringMatching(reason) as string }));
  });

  test.each([
    ['repetitions of repetitions', 'root ::= a{1000}\na ::= ((("x"{10}){10}){10}){100}'],
    ['ways to begin that double with each rule', chain(60, (next) => `${next} "x" | ${next} "y"`)],
    ['rules that begin with each other far down', chain(3000, (next) => next)],
  ])('%s are too much', (_, text) => {
    expect(() => {
      check(text);
    }).toThrow(expect.objectContaining({ code: 'GRAMMAR_LIMIT' }));
  });
});
