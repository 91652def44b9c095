import { EdgeVlmError } from '../../core/errors.js';
import type { CharacterRange, Expression, GbnfRules } from './gbnf.js';

/** Far beyond grammars that people or schemas make; it bounds what parsing may cost. */
const MAX_TEXT = 256 * 1024;
/** Parentheses in each other: libllama parses them by recursion. */
const MAX_NESTING = 64;
/** libllama copies what is repeated; from 2000 on it refuses. */
const MAX_REPETITIONS = 1000;
const LAST_CODE_POINT = 0x10ffff;

/**
 * Parses a grammar in GBNF as libllama does (llama.cpp, grammars/README.md), but says where a mistake is, and refuses what libllama
 * would take for something else: a repetition `{5,2}`, a rule defined twice, an empty class.
 * @throws GRAMMAR_INVALID with line and column; GRAMMAR_LIMIT
 */
export function parseGbnf(text: string): GbnfRules {
  if (text.length > MAX_TEXT) throw new EdgeVlmError('GRAMMAR_LIMIT', `the grammar has ${text.length} characters; at most ${MAX_TEXT}`);
  return new Parser(text).rules();
}

class Parser {
  #at = 0;
  #nesting = 0;

  constructor(private readonly text: string) {}

  rules(): GbnfRules {
    const rules = new Map<string, Expression>();
    this.#space(true);
    while (this.#at < this.text.length) {
      const start = this.#at;
      const name = this.#word('a rule name');
      if (rules.has(name)) this.#fail(`the rule ${name} is defined twice`, start);
      this.#space(false);
      if (!this.#take('::=')) this.#fail('expected ::=');
      this.#space(true);
      rules.set(name, this.#choice(false));
      if (this.#at < this.text.length && !/[\r\n]/.test(this.#peek())) this.#fail('expected the end of the line');
      this.#space(true);
    }
    return rules;
  }

  #choice(nested: boolean): Expression {
    const options = [this.#sequence(nested)];
    while (this.#take('|')) {
      this.#space(true);
      options.push(this.#sequence(nested));
    }
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { type: 'choice', options };
  }

  #sequence(nested: boolean): Expression {
    const items: Expression[] = [];
    for (;;) {
      const repeated = this.#repetition(nested);
      if (repeated !== undefined) {
        const item = items.pop();
        if (item === undefined) this.#fail('there is nothing to repeat');
        items.push({ type: 'repeat', item, ...repeated });
        continue;
      }
      const item = this.#item();
      if (item === undefined) return { type: 'sequence', items };
      this.#space(nested);
      items.push(item);
    }
  }

  #item(): Expression | undefined {
    const next = this.#peek();
    if (next === '"') return this.#literal();
    if (next === '[') return this.#class();
    if (next === '<' || next === '!') return this.#token();
    if (next === '(') return this.#group();
    if (this.#take('.')) return { type: 'characters', ranges: [[1, LAST_CODE_POINT]], negated: false };
    if (/[a-zA-Z0-9-]/.test(next)) return { type: 'rule', name: this.#word('a rule name') };
    return undefined;
  }

  #literal(): Expression {
    this.#at++;
    const items: Expression[] = [];
    while (!this.#take('"')) {
      const character = this.#character();
      items.push({ type: 'characters', ranges: [[character, character]], negated: false });
    }
    return { type: 'sequence', items };
  }

  #class(): Expression {
    const start = this.#at++;
    const negated = this.#take('^');
    const ranges: CharacterRange[] = [];
    while (!this.#take(']')) {
      const first = this.#character();
      let last = first;
      if (this.#peek() === '-' && this.text[this.#at + 1] !== ']') {
        this.#at++;
        last = this.#character();
        if (last < first) this.#fail('the range ends before it begins');
      }
      ranges.push([first, last]);
    }
    if (ranges.length === 0) this.#fail('a class without characters', start);
    return { type: 'characters', ranges, negated };
  }

  /** `<[id]>`, `<spelling>`, and the same with `!` before it. */
  #token(): Expression {
    const [whole, id] = /^!?<(?:\[(\d{1,9})\]|[^\s<>]{1,256})>/.exec(this.text.slice(this.#at, this.#at + 260)) ?? [];
    if (whole === undefined) this.#fail('expected a token such as <[42]> or <think>');
    this.#at += whole.length;
    return { type: 'token', name: id === undefined ? whole.replace('!', '') : `[${id}]`, negated: whole.startsWith('!') };
  }

  #group(): Expression {
    this.#at++;
    if (++this.#nesting > MAX_NESTING) throw new EdgeVlmError('GRAMMAR_LIMIT', `parentheses are nested more than ${MAX_NESTING} deep`);
    this.#space(true);
    const inner = this.#choice(true);
    if (!this.#take(')')) this.#fail('expected )');
    this.#nesting--;
    return inner;
  }

  #repetition(nested: boolean): { min: number; max: number } | undefined {
    const start = this.#at;
    const found = /^(?:[*+?]|\{[ \t]*(\d+)[ \t]*(,?)[ \t]*(\d*)[ \t]*\})/.exec(this.text.slice(start, start + 64));
    if (found === null) {
      if (this.#peek() === '{') this.#fail('expected a repetition such as {2} or {0,5}');
      return undefined;
    }
    const [whole, low = '', comma, high = ''] = found;
    this.#at += whole.length;
    this.#space(nested);
    if (whole === '*') return { min: 0, max: Infinity };
    if (whole === '+') return { min: 1, max: Infinity };
    if (whole === '?') return { min: 0, max: 1 };
    const min = Number(low);
    const max = comma === '' ? min : high === '' ? Infinity : Number(high);
    if (max < min || (comma === '' && high !== '')) this.#fail(`${whole} is no repetition`, start);
    if (min > MAX_REPETITIONS || (max !== Infinity && max > MAX_REPETITIONS)) {
      throw new EdgeVlmError('GRAMMAR_LIMIT', `${whole} repeats more than ${MAX_REPETITIONS} times`);
    }
    return { min, max };
  }

  /** A code point as written in a literal or a class. */
  #character(): number {
    const start = this.#at;
    const code = this.text.codePointAt(start);
    if (code === undefined || code === 0) this.#fail('unexpected end of the grammar');
    this.#at += code > 0xffff ? 2 : 1;
    if (code !== 0x5c) return code;
    const escape = this.#peek();
    this.#at++;
    const digits = { x: 2, u: 4, U: 8 }[escape];
    if (digits !== undefined) {
      const hex = this.text.slice(this.#at, this.#at + digits);
      const value = /^[0-9a-fA-F]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : NaN;
      // 0 ends a text in C, so no token could ever write it.
      if (!(value >= 1 && value <= LAST_CODE_POINT)) this.#fail(`\\${escape}${hex} is no character`, start);
      this.#at += digits;
      return value;
    }
    const value = { t: 0x09, r: 0x0d, n: 0x0a, '\\': 0x5c, '"': 0x22, '[': 0x5b, ']': 0x5d, '-': 0x2d }[escape];
    if (value === undefined) this.#fail(`unknown escape \\${escape}`, start);
    return value;
  }

  #word(what: string): string {
    const start = this.#at;
    while (/[a-zA-Z0-9-]/.test(this.#peek())) this.#at++;
    if (this.#at === start) this.#fail(`expected ${what}`);
    return this.text.slice(start, this.#at);
  }

  #space(newlines: boolean): void {
    for (;;) {
      const next = this.#peek();
      if (next === '#') while (this.#at < this.text.length && !/[\r\n]/.test(this.#peek())) this.#at++;
      else if (next === ' ' || next === '\t' || (newlines && (next === '\r' || next === '\n'))) this.#at++;
      else return;
    }
  }

  #peek(): string {
    return this.text.charAt(this.#at);
  }

  #take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #fail(reason: string, at = this.#at): never {
    const before = this.text.slice(0, at).split('\n');
    throw new EdgeVlmError('GRAMMAR_INVALID', `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}: ${reason}`);
  }
}
