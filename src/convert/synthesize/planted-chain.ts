import { shuffled } from './random-rows.js';

/** A rule that names one next token for every token. */
export interface PlantedChain {
  /** The token that follows `token`; of a token outside the chain, what follows `anchor` of it. */
  readonly next: (token: number) => number;
  /** The token that `token` follows, or undefined for one that follows none. */
  readonly previous: (token: number) => number | undefined;
  /** The token of the chain in whose place `token` stands: itself within the chain. */
  readonly anchor: (token: number) => number;
  /** Tokens of the chain, in ids from `first`. */
  readonly size: number;
  readonly first: number;
}

/**
 * A chain through the tokens `first` to `vocabulary` − 1 in a random order: it passes through all of them before one comes again, so a
 * drafter that looks tokens up in the text finds nothing.
 * @param agree share of the tokens whose next token is that of the chain of the same seed; the others, the same for every shape
 * and the more the smaller the share, exchange theirs in a circle.
 */
export function plantChain(seed: number, first: number, vocabulary: number, agree: number): PlantedChain {
  const size = vocabulary - first;
  const order = shuffled(first, vocabulary, seed);
  const next = new Int32Array(vocabulary);
  for (const [i, token] of order.entries()) next[token] = order[(i + 1) % size] ?? first;

  const differing = Math.round((1 - agree) * size);
  // One token alone cannot exchange with anything.
  const others = shuffled(first, vocabulary, seed ^ DIFFERING).subarray(0, differing === 1 ? 2 : differing);
  const taken = others.map((token) => next[token] ?? first);
  for (const [i, token] of others.entries()) next[token] = taken[(i + 1) % taken.length] ?? first;

  const previous = new Int32Array(vocabulary);
  for (let token = first; token < vocabulary; token++) previous[next[token] ?? first] = token;
  const anchor = (token: number): number => (token < first ? first + (token % size) : token);
  return {
    next: (token) => next[anchor(token)] ?? first,
    previous: (token) => (token < first ? undefined : previous[token]),
    anchor,
    size,
    first,
  };
}

/** Tells the choice of the tokens that differ from the chain's own order. */
const DIFFERING = 0x5bd1e995;
