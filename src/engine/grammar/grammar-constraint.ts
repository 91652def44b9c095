import { EdgeVlmError } from '../../core/errors.js';
import type { TokenConstraint } from '../sampling/token-constraint.js';
import { checkGrammar } from './check-grammar.js';
import { GrammarAutomaton, type GrammarState } from './grammar-automaton.js';
import { parseGbnf } from './parse-gbnf.js';
import type { TokenTrie, TrieNode } from './token-trie.js';
import { afterByte, BETWEEN, type PartialCharacter, possibleCharacters } from './utf8-state.js';

/** Where an answer stands: tokens may end within a character. */
interface Position {
  readonly state: GrammarState;
  readonly partial: PartialCharacter;
}

/**
 * Holds an answer to a GBNF grammar. Not by libllama's sampler, which has no bound on what an ambiguous grammar costs and ends the process
 * on what it does not expect; that one is what this is checked against.
 */
export class GrammarConstraint implements TokenConstraint {
  readonly #automaton: GrammarAutomaton;
  #position: Position;

  /** @throws GRAMMAR_INVALID, GRAMMAR_LIMIT */
  constructor(
    gbnf: string,
    private readonly tokens: TokenTrie,
  ) {
    const rules = parseGbnf(gbnf);
    checkGrammar(rules);
    this.#automaton = new GrammarAutomaton(rules, (name) => tokens.tokenOf(name));
    this.#position = { state: this.#automaton.start, partial: BETWEEN };
  }

  /** @throws GRAMMAR_LIMIT */
  allows(token: number): boolean {
    if (this.tokens.ends.includes(token) && this.#mayEnd()) return true;
    return this.#after(token) !== null;
  }

  /** @throws GRAMMAR_LIMIT */
  mask(logits: Float32Array): boolean {
    const allowed = new Set<number>(this.#mayEnd() ? this.tokens.ends : []);
    this.#collect(this.tokens.root, this.#position, allowed);
    const { state, partial } = this.#position;
    if (partial.missing === 0 && this.#automaton.wantsToken(state)) {
      for (let token = 0; token < this.tokens.size; token++) if (this.#afterNamed(token) !== null) allowed.add(token);
    }
    let any = false;
    for (let token = 0; token < logits.length; token++) {
      if (!allowed.has(token)) logits[token] = -Infinity;
      else any ||= logits[token] !== -Infinity;
    }
    return any;
  }

  accept(token: number): void {
    const after = this.#after(token);
    if (after === null) throw new EdgeVlmError('INTERNAL', `the grammar does not allow token ${token}`);
    this.#position = after;
  }

  #mayEnd(): boolean {
    return this.#position.state.complete && this.#position.partial.missing === 0;
  }

  #after(token: number): Position | null {
    const named = this.#afterNamed(token);
    if (named !== null) return { state: named, partial: BETWEEN };
    const bytes = this.tokens.bytes(token);
    let position: Position | null = bytes.length === 0 ? null : this.#position;
    for (const byte of bytes) position &&= this.#afterByte(position, byte);
    return position;
  }

  /** By a token's name in the grammar, not by its text. What ends the answer is never part of it. */
  #afterNamed(token: number): GrammarState | null {
    const { state, partial } = this.#position;
    if (partial.missing > 0 || !this.#automaton.wantsToken(state) || token < 0 || token >= this.tokens.size) return null;
    return this.tokens.ends.includes(token) ? null : this.#automaton.afterToken(state, token);
  }

  #afterByte({ state, partial }: Position, byte: number): Position | null {
    const next = afterByte(partial, byte);
    if (next === null) return null;
    if (next.missing > 0) return this.#automaton.allowsAnyOf(state, ...possibleCharacters(next)) ? { state, partial: next } : null;
    const after = this.#automaton.afterCharacter(state, next.value);
    return after && { state: after, partial: BETWEEN };
  }

  #collect({ children }: TrieNode, position: Position, allowed: Set<number>): void {
    for (const [byte, child] of children) {
      const after = this.#afterByte(position, byte);
      if (after === null) continue;
      for (const token of child.tokens) allowed.add(token);
      this.#collect(child, after, allowed);
    }
  }
}
