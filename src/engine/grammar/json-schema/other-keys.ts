import { gbnfClass, gbnfLiteral, PLAIN, subtract } from './character-set.js';

/**
 * Rules for the inside of a key that is none of `keys`. It is written without escapes, so that no key can be spelt in two ways.
 * @param addRule adds a rule and returns its name
 * @returns a GBNF expression
 */
export function otherKeys(keys: readonly string[], addRule: (gbnf: string) => string): string {
  const rest = `${gbnfClass(PLAIN)}*`;
  /** What may follow where `tails` are what is left of the keys that began alike. */
  const after = (tails: readonly string[]): string => {
    const heads = new Map<string, string[]>();
    for (const tail of tails) {
      const [head] = tail;
      if (head !== undefined) heads.set(head, [...(heads.get(head) ?? []), tail.slice(head.length)]);
    }
    const others = gbnfClass(
      subtract(
        PLAIN,
        [...heads.keys()].map((head) => [head.codePointAt(0) ?? 0, head.codePointAt(0) ?? 0] as const),
      ),
    );
    const ways = [...heads].map(([head, inner]) => `${gbnfLiteral(head)} ${addRule(after(inner))}`);
    return [...(tails.includes('') ? [] : ['""']), `${others} ${rest}`, ...ways].join(' | ');
  };
  const isPlain = (key: string): boolean =>
    Array.from(key).every((character) =>
      PLAIN.some(([first, last]) => first <= (character.codePointAt(0) ?? 0) && (character.codePointAt(0) ?? 0) <= last),
    );
  // A key that needs escapes cannot be written anyway.
  const plain = keys.filter(isPlain);
  return plain.length === 0 ? rest : addRule(after(plain));
}
