import { EdgeVlmError } from '../../../core/errors.js';
import type { CharacterRange } from '../gbnf.js';
import { ALL, jsonCharacter, subtract } from './character-set.js';

/** A regular expression as a grammar for the inside of a JSON string. */
export interface PatternGrammar {
  readonly gbnf: string;
  /** Characters of the shortest and the longest text. */
  readonly shortest: number;
  readonly longest: number;
}

const DIGITS: readonly CharacterRange[] = [[0x30, 0x39]];
const WORD: readonly CharacterRange[] = [...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
/** ECMA-262, WhiteSpace and LineTerminator. */
const SPACE: readonly CharacterRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const LINE_ENDS: readonly CharacterRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const CLASSES: Readonly<Record<string, readonly CharacterRange[]>> = {
  d: DIGITS,
  D: subtract(ALL, DIGITS),
  w: WORD,
  W: subtract(ALL, WORD),
  s: SPACE,
  S: subtract(ALL, SPACE),
};
const CONTROLS: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d, '0': 0x00 };
/** As in `parseGbnf`. */
const MAX_REPETITIONS = 1000;
const MAX_NESTING = 30;

/**
 * Turns a regular expression of ECMAScript into GBNF: characters, classes, groups, alternatives and repetitions; `^` and `$` at the
 * ends of alternatives. What is not anchored may have any text around it.
 * @param pointer for messages
 * @throws SCHEMA_INVALID; SCHEMA_UNSUPPORTED for look-around, references to groups and word borders
 */
export function patternGrammar(pattern: string, pointer: string): PatternGrammar {
  try {
    new RegExp(pattern, 'u');
  } catch (cause) {
    throw new EdgeVlmError('SCHEMA_INVALID', `${pointer} is no regular expression: ${pattern}`, { cause });
  }
  return new PatternParser(pattern, pointer).whole();
}

class PatternParser {
  #at = 0;
  #nesting = 0;

  constructor(
    private readonly pattern: string,
    private readonly pointer: string,
  ) {}

  whole(): PatternGrammar {
    const around = { gbnf: `${jsonCharacter(ALL) ?? ''}*`, shortest: 0, longest: Infinity };
    const options: PatternGrammar[] = [];
    do {
      const parts: PatternGrammar[] = this.#take('^') ? [] : [around];
      parts.push(this.#sequence());
      if (!this.#take('$')) parts.push(around);
      options.push(concatenate(parts));
    } while (this.#take('|'));
    if (this.#at < this.pattern.length) this.#refuse(`${this.#peek()} in the middle`);
    return choose(options);
  }

  #sequence(): PatternGrammar {
    const parts: PatternGrammar[] = [];
    while (this.#at < this.pattern.length && !'|)$'.includes(this.#peek())) parts.push(this.#repeated(this.#atom()));
    return concatenate(parts);
  }

  #atom(): PatternGrammar {
    const next = this.#peek();
    if (next === '(') return this.#group();
    if (next === '^') this.#refuse('^ in the middle');
    if (next === '[') return this.#one(this.#class());
    if (next === '.') {
      this.#at++;
      return this.#one(subtract(ALL, LINE_ENDS));
    }
    return this.#one(this.#character());
  }

  #group(): PatternGrammar {
    if (++this.#nesting > MAX_NESTING)
      throw new EdgeVlmError('GRAMMAR_LIMIT', `${this.pointer}: groups are nested more than ${MAX_NESTING} deep`);
    this.#at++;
    if (this.#peek() === '?' && !this.#take('?:')) {
      const [name] = /^\?<[^=!>][^>]*>/.exec(this.pattern.slice(this.#at)) ?? [];
      if (name === undefined) this.#refuse('look-around');
      this.#at += name.length;
    }
    const options: PatternGrammar[] = [];
    do options.push(this.#sequence());
    while (this.#take('|'));
    if (!this.#take(')')) this.#refuse('$ in the middle');
    this.#nesting--;
    const { gbnf, ...lengths } = choose(options);
    return { gbnf: `(${gbnf})`, ...lengths };
  }

  #repeated(item: PatternGrammar): PatternGrammar {
    const [whole, low, comma, high] = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})/.exec(this.pattern.slice(this.#at)) ?? [];
    if (whole === undefined) return item;
    this.#at += whole.length;
    // How greedy it is does not change which texts match.
    this.#take('?');
    const counts: Readonly<Record<string, readonly [number, number]>> = { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] };
    const [min, max] = counts[whole] ?? [Number(low), comma === '' ? Number(low) : high === '' ? Infinity : Number(high)];
    if (min > MAX_REPETITIONS || (max > MAX_REPETITIONS && max !== Infinity)) {
      throw new EdgeVlmError('GRAMMAR_LIMIT', `${this.pointer}: ${whole} repeats more than ${MAX_REPETITIONS} times`);
    }
    if (max === 0) return { gbnf: '""', shortest: 0, longest: 0 };
    if (item.shortest === 0 && max === Infinity) this.#refuse('a repetition without end of what may be empty');
    return {
      gbnf: `${item.gbnf}{${min},${max === Infinity ? '' : max}}`,
      shortest: item.shortest * min,
      longest: item.longest * max,
    };
  }

  #class(): readonly CharacterRange[] {
    this.#at++;
    const negated = this.#take('^');
    const ranges: CharacterRange[] = [];
    while (!this.#take(']')) {
      const first = this.#character();
      if (this.#peek() === '-' && this.pattern[this.#at + 1] !== ']') {
        this.#at++;
        const [from, to] = [first[0]?.[0] ?? 0, this.#character()[0]?.[1] ?? 0];
        ranges.push([from, to]);
      } else {
        ranges.push(...first);
      }
    }
    return negated ? subtract(ALL, ranges) : ranges;
  }

  /** A character or the class that an escape stands for. */
  #character(): readonly CharacterRange[] {
    const code = this.#next();
    if (code !== 0x5c) return [[code, code]];
    const escape = String.fromCodePoint(this.#next());
    const named = CLASSES[escape];
    if (named !== undefined) return named;
    const hex = { x: /^[0-9a-fA-F]{2}/, u: /^(?:[0-9a-fA-F]{4}|\{[0-9a-fA-F]+\})/ }[escape]?.exec(this.pattern.slice(this.#at))?.[0];
    if (hex !== undefined) {
      this.#at += hex.length;
      const value = Number.parseInt(hex.replace('{', ''), 16);
      if (value >= 0xd800 && value <= 0xdfff) this.#refuse('half a surrogate pair');
      return [[value, value]];
    }
    const control = CONTROLS[escape];
    if (control !== undefined) return [[control, control]];
    // With the flag `u` only punctuation is escaped otherwise.
    if (/[a-zA-Z0-9]/.test(escape)) this.#refuse(`\\${escape}`);
    const literal = escape.codePointAt(0) ?? 0;
    return [[literal, literal]];
  }

  #one(ranges: readonly CharacterRange[]): PatternGrammar {
    const gbnf = jsonCharacter(ranges);
    if (gbnf === undefined) this.#refuse('a class of characters that no JSON string holds');
    return { gbnf, shortest: 1, longest: 1 };
  }

  #next(): number {
    const code = this.pattern.codePointAt(this.#at) ?? 0;
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }

  #peek(): string {
    return this.pattern.charAt(this.#at);
  }

  #take(expected: string): boolean {
    if (!this.pattern.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #refuse(what: string): never {
    throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${this.pointer}: ${what} cannot be made a grammar (${this.pattern})`);
  }
}

function concatenate(parts: readonly PatternGrammar[]): PatternGrammar {
  return {
    gbnf: parts.length === 0 ? '""' : parts.map(({ gbnf }) => gbnf).join(' '),
    shortest: parts.reduce((sum, { shortest }) => sum + shortest, 0),
    longest: parts.reduce((sum, { longest }) => sum + longest, 0),
  };
}

function choose(options: readonly PatternGrammar[]): PatternGrammar {
  return {
    gbnf: options.map(({ gbnf }) => gbnf).join(' | '),
    shortest: Math.min(...options.map(({ shortest }) => shortest)),
    longest: Math.max(...options.map(({ longest }) => longest)),
  };
}
