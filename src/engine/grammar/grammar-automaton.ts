import { EdgeVlmError } from '../../core/errors.js';
import type { CharacterRange, Expression, GbnfRules } from './gbnf.js';
import { ROOT } from './gbnf.js';

/** A place in a rule. */
type Node =
  | { readonly type: 'characters'; readonly ranges: readonly CharacterRange[]; readonly negated: boolean; readonly next: number }
  | { readonly type: 'token'; readonly id: number; readonly negated: boolean; readonly next: number }
  | { readonly type: 'call'; readonly rule: string; readonly next: number }
  | { readonly type: 'split'; readonly next: readonly number[] }
  | { readonly type: 'return' };

/** Where a rule goes on once the rule it called has ended; null at the root. */
interface Frame {
  readonly id: number;
  readonly node: number;
  readonly parent: Frame | null;
}

/** A place in a rule and what called it. */
interface Place {
  readonly id: number;
  readonly node: number;
  readonly frame: Frame | null;
}

/** All places that a text may have led to. Equal sets are the same object, and remember where they lead. */
export interface GrammarState {
  readonly places: readonly Place[];
  /** Whether the text may end here. */
  readonly complete: boolean;
  readonly next: Map<number, GrammarState | null>;
}

/** Where every rule ends. */
const RETURN = 0;
/** Places, frames and states of one answer: what an unreasonably ambiguous grammar would exceed. */
const MAX_PLACES = 300_000;
const MAX_PLACES_OF_STATE = 5000;

/**
 * Follows a text through a grammar. Each character leads from one set of places to the next; sets and their successors are kept, so
 * that a vocabulary is looked through at a lookup per character. Grammars that are ambiguous beyond reason end with GRAMMAR_LIMIT.
 */
export class GrammarAutomaton {
  readonly start: GrammarState;
  readonly #nodes: Node[] = [{ type: 'return' }];
  readonly #rules = new Map<string, number>();
  readonly #frames = new Map<string, Frame>();
  readonly #places = new Map<string, Place>();
  readonly #states = new Map<string, GrammarState>();

  /**
   * @param rules checked by `checkGrammar`
   * @param tokenOf id of a token by its name in the grammar
   * @throws GRAMMAR_LIMIT
   */
  constructor(rules: GbnfRules, tokenOf: (name: string) => number) {
    for (const [name, rule] of rules) this.#rules.set(name, this.#compile(rule, RETURN, tokenOf));
    this.start = this.#settle([this.#place(this.#rules.get(ROOT) ?? RETURN, null)]);
  }

  /** After one more character; null when it is not allowed. @throws GRAMMAR_LIMIT */
  afterCharacter(state: GrammarState, code: number): GrammarState | null {
    const known = state.next.get(code);
    if (known !== undefined) return known;
    const after = this.#after(
      state,
      (node) => node.type === 'characters' && node.ranges.some(([first, last]) => first <= code && code <= last) !== node.negated,
    );
    state.next.set(code, after);
    return after;
  }

  /** After a token that the grammar names; null when it names none that fits. @throws GRAMMAR_LIMIT */
  afterToken(state: GrammarState, token: number): GrammarState | null {
    return this.#after(state, (node) => node.type === 'token' && (node.id === token) !== node.negated);
  }

  /** Whether tokens may be allowed for what they are, not for their text. */
  wantsToken(state: GrammarState): boolean {
    return state.places.some(({ node }) => this.#nodes[node]?.type === 'token');
  }

  /** Whether some character from `low` to `high` is allowed. */
  allowsAnyOf(state: GrammarState, low: number, high: number): boolean {
    return state.places.some(({ node: index }) => {
      const node = this.#nodes[index];
      if (node?.type !== 'characters') return false;
      if (!node.negated) return node.ranges.some(([first, last]) => first <= high && low <= last);
      return !node.ranges.some(([first, last]) => first <= low && high <= last);
    });
  }

  #after(state: GrammarState, matches: (node: Node) => boolean): GrammarState | null {
    const next = state.places.flatMap(({ node: index, frame }) => {
      const node = this.#nodes[index];
      return node !== undefined && matches(node) && 'next' in node && typeof node.next === 'number' ? [this.#place(node.next, frame)] : [];
    });
    return next.length === 0 ? null : this.#settle(next);
  }

  /** Goes on from places to those that wait for a character or a token. */
  #settle(from: readonly Place[]): GrammarState {
    const seen = new Set(from);
    const waiting: Place[] = [];
    let complete = false;
    const add = (place: Place): void => {
      seen.add(place);
    };
    // A set gives out what is added to it while it is gone through.
    for (const place of seen) {
      if (seen.size > MAX_PLACES_OF_STATE)
        throw new EdgeVlmError('GRAMMAR_LIMIT', 'the grammar is too ambiguous: a text can be read in too many ways');
      const { frame } = place;
      const node = this.#nodes[place.node];
      switch (node?.type) {
        case 'call':
          // A rule that ends with another needs no way back: lists of any length take no depth.
          add(this.#place(this.#rules.get(node.rule) ?? RETURN, node.next === RETURN ? frame : this.#frame(node.next, frame)));
          break;
        case 'split':
          for (const next of node.next) add(this.#place(next, frame));
          break;
        case 'return':
          if (frame === null) complete = true;
          else add(this.#place(frame.node, frame.parent));
          break;
        case 'characters':
        case 'token':
        case undefined:
          waiting.push(place);
      }
    }
    return this.#state(waiting, complete);
  }

  #state(places: Place[], complete: boolean): GrammarState {
    places.sort((a, b) => a.id - b.id);
    const key = `${complete} ${places.map(({ id }) => id).join(' ')}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state: GrammarState = { places, complete, next: new Map() };
    this.#states.set(key, state);
    return state;
  }

  #place(node: number, frame: Frame | null): Place {
    const key = `${node} ${frame?.id ?? -1}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#places.size >= MAX_PLACES) throw new EdgeVlmError('GRAMMAR_LIMIT', 'the grammar is too ambiguous: too many places were met');
    const place = { id: this.#places.size, node, frame };
    this.#places.set(key, place);
    return place;
  }

  #frame(node: number, parent: Frame | null): Frame {
    const key = `${node} ${parent?.id ?? -1}`;
    const known = this.#frames.get(key);
    if (known !== undefined) return known;
    const frame = { id: this.#frames.size, node, parent };
    this.#frames.set(key, frame);
    return frame;
  }

  /** Nodes for an expression. @param next where it goes on @returns where it begins */
  #compile(expression: Expression, next: number, tokenOf: (name: string) => number): number {
    switch (expression.type) {
      case 'characters':
        return this.#node({ ...expression, next });
      case 'token':
        return this.#node({ type: 'token', id: tokenOf(expression.name), negated: expression.negated, next });
      case 'rule':
        return this.#node({ type: 'call', rule: expression.name, next });
      case 'sequence':
        return expression.items.reduceRight((after, item) => this.#compile(item, after, tokenOf), next);
      case 'choice':
        return this.#node({ type: 'split', next: expression.options.map((option) => this.#compile(option, next, tokenOf)) });
      case 'repeat': {
        const { item, min, max } = expression;
        let begin = next;
        if (max === Infinity) {
          const ways = [next];
          begin = this.#node({ type: 'split', next: ways });
          ways.push(this.#compile(item, begin, tokenOf));
        } else {
          for (let i = min; i < max; i++) begin = this.#node({ type: 'split', next: [next, this.#compile(item, begin, tokenOf)] });
        }
        for (let i = 0; i < min; i++) begin = this.#compile(item, begin, tokenOf);
        return begin;
      }
    }
  }

  #node(node: Node): number {
    return this.#nodes.push(node) - 1;
  }
}
