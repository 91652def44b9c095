import { EdgeVlmError } from '../../core/errors.js';
import type { Vocabulary } from '../vocabulary/vocabulary.js';

/** Tokens whose bytes begin alike. */
export interface TrieNode {
  readonly children: Map<number, TrieNode>;
  /** Tokens that end here. */
  readonly tokens: number[];
}

/** The bytes of every token of a vocabulary that adds to a text, so that those that begin alike are looked at once. */
export class TokenTrie {
  readonly root: TrieNode = { children: new Map(), tokens: [] };
  /** Tokens that end an answer. */
  readonly ends: readonly number[];
  readonly #bytes: readonly Uint8Array[];

  constructor(private readonly vocabulary: Vocabulary) {
    const ids = Array.from({ length: vocabulary.size }, (_, token) => token);
    this.ends = ids.filter((token) => vocabulary.isEnd(token));
    // Control tokens have no bytes here: their spelling is part of no text. An end is not one of its text, either.
    this.#bytes = ids.map((token) => (vocabulary.isEnd(token) ? new Uint8Array() : vocabulary.piece(token)));
    for (const token of ids) this.#insert(token);
  }

  /** Tokens of the vocabulary. */
  get size(): number {
    return this.#bytes.length;
  }

  /** What a token adds to a text; nothing for one that is not of the vocabulary. */
  bytes(token: number): Uint8Array {
    return this.#bytes[token] ?? new Uint8Array();
  }

  /** Id of a token as grammars name it. @throws GRAMMAR_INVALID */
  tokenOf(name: string): number {
    const [, id] = /^\[(\d+)\]$/.exec(name) ?? [];
    const token = id === undefined ? this.vocabulary.find(name) : Number(id);
    if (token === undefined || token >= this.size) throw new EdgeVlmError('GRAMMAR_INVALID', `the vocabulary has no token ${name}`);
    return token;
  }

  #insert(token: number): void {
    const bytes = this.bytes(token);
    if (bytes.length === 0) return;
    let node = this.root;
    for (const byte of bytes) {
      let child = node.children.get(byte);
      if (child === undefined) node.children.set(byte, (child = { children: new Map(), tokens: [] }));
      node = child;
    }
    node.tokens.push(token);
  }
}
