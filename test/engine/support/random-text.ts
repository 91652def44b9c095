import { type CharacterRange, type Expression, type GbnfRules, ROOT } from '../../../src/engine/grammar/gbnf.js';

/** Beyond this depth the shortest way out is taken. */
const DEEP = 40;
/** Characters that stand for those of a wide range. Without marks that join what comes before: validators disagree on their length. */
const SAMPLES = Array.from('aZ059 _-é中😀', (character) => character.codePointAt(0) ?? 0);

/** Texts of a grammar, at random. */
export class RandomText {
  readonly #heights = new Map<string, number>();

  /** @param random 0..1 */
  constructor(
    private readonly rules: GbnfRules,
    private readonly random: () => number,
  ) {
    for (let changed = true; changed;) {
      changed = false;
      for (const [name, rule] of rules) {
        const height = this.#height(rule) + 1;
        if (height >= (this.#heights.get(name) ?? Infinity)) continue;
        this.#heights.set(name, height);
        changed = true;
      }
    }
  }

  next(): string {
    return this.#write({ type: 'rule', name: ROOT }, 0);
  }

  #write(expression: Expression, depth: number): string {
    switch (expression.type) {
      case 'token':
        return '';
      case 'characters':
        return this.#character(expression.ranges, expression.negated);
      case 'rule':
        return this.#write(this.rules.get(expression.name) ?? { type: 'sequence', items: [] }, depth + 1);
      case 'sequence':
        return expression.items.map((item) => this.#write(item, depth)).join('');
      case 'choice': {
        const { options } = expression;
        const lowest = Math.min(...options.map((option) => this.#height(option)));
        const open = depth > DEEP ? options.filter((option) => this.#height(option) === lowest) : options;
        return this.#write(this.#pick(open), depth);
      }
      case 'repeat': {
        const { item, min, max } = expression;
        const more = depth > DEEP ? 0 : Math.floor(this.random() ** 3 * Math.min(max - min + 1, 5));
        return Array.from({ length: min + more }, () => this.#write(item, depth)).join('');
      }
    }
  }

  #character(ranges: readonly CharacterRange[], negated: boolean): string {
    const within = (code: number): boolean => ranges.some(([first, last]) => first <= code && code <= last) !== negated;
    const samples = SAMPLES.filter(within);
    if (negated || (samples.length > 0 && this.random() < 0.7)) return String.fromCodePoint(this.#pick(samples));
    const [first, last] = this.#pick(ranges);
    // The ends of a range are where mistakes are.
    const code =
      this.random() < 0.3 ? first : this.random() < 0.5 ? last : first + Math.floor(this.random() * Math.min(last - first + 1, 26));
    return String.fromCodePoint(code);
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.random() * from.length)];
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  /** How deep rules lie in each other at least. */
  #height(expression: Expression): number {
    switch (expression.type) {
      case 'token':
      case 'characters':
        return 0;
      case 'rule':
        return this.#heights.get(expression.name) ?? Infinity;
      case 'sequence':
        return Math.max(0, ...expression.items.map((item) => this.#height(item)));
      case 'choice':
        return Math.min(...expression.options.map((option) => this.#height(option)));
      case 'repeat':
        return expression.min === 0 ? 0 : this.#height(expression.item);
    }
  }
}
