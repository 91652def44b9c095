import type { CharacterRange } from '../gbnf.js';

/** Every character: all code points but the halves of surrogate pairs. */
export const ALL: readonly CharacterRange[] = [
  [0x00, 0xd7ff],
  [0xe000, 0x10ffff],
];
/** Characters that a JSON string holds as they are. DEL may be, but is better left out. */
export const PLAIN = subtract(ALL, [
  [0x00, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x7f, 0x7f],
]);
/** Those that have a short escape in JSON. */
const ESCAPED: readonly (readonly [character: number, escape: string])[] = [
  [0x22, '\\"'],
  [0x5c, '\\\\'],
  [0x08, 'b'],
  [0x0c, 'f'],
  [0x0a, 'n'],
  [0x0d, 'r'],
  [0x09, 't'],
];

/** What is in `ranges` and not in `without`, in order. */
export function subtract(ranges: readonly CharacterRange[], without: readonly CharacterRange[]): CharacterRange[] {
  return without.reduce<CharacterRange[]>(
    (left, [first, last]) =>
      left.flatMap(([from, to]): CharacterRange[] => {
        if (last < from || first > to) return [[from, to]];
        return [...(from < first ? [[from, first - 1] as const] : []), ...(to > last ? [[last + 1, to] as const] : [])];
      }),
    [...ranges],
  );
}

/** A GBNF class of characters as they are. */
export function gbnfClass(ranges: readonly CharacterRange[]): string {
  const written = (code: number): string => `\\U${code.toString(16).padStart(8, '0')}`;
  const simple = (code: number): string => (/[a-zA-Z0-9 _]/.test(String.fromCodePoint(code)) ? String.fromCodePoint(code) : written(code));
  return `[${ranges.map(([first, last]) => (first === last ? simple(first) : `${simple(first)}-${simple(last)}`)).join('')}]`;
}

/** One character of a set as a JSON string holds it; undefined when none of them can be held. */
export function jsonCharacter(ranges: readonly CharacterRange[]): string | undefined {
  const plain = subtract(ranges, subtract([[0, 0x10ffff]], PLAIN));
  const escapes = ESCAPED.filter(([character]) => ranges.some(([first, last]) => first <= character && character <= last)).map(
    ([, escape]) => `"\\\\${escape}"`,
  );
  const ways = [...(plain.length > 0 ? [gbnfClass(plain)] : []), ...escapes];
  if (ways.length === 0) return undefined;
  return ways.length === 1 ? ways[0] : `(${ways.join(' | ')})`;
}

/** A GBNF literal. */
export function gbnfLiteral(text: string): string {
  const escaped = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === '"' || character === '\\') return `\\${character}`;
    return code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  });
  return `"${escaped.join('')}"`;
}
