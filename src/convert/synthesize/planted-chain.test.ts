import { describe, expect, it } from 'vitest';
import { plantChain } from './planted-chain.js';

const FIRST = 354;
const VOCABULARY = 2354;
const tokens = Array.from({ length: VOCABULARY - FIRST }, (_, i) => FIRST + i);

describe('a planted chain', () => {
  it('passes through all its tokens before one comes again', () => {
    const { next, size } = plantChain(7, FIRST, VOCABULARY, 1);
    const seen = new Set<number>();
    for (let token = FIRST; !seen.has(token); token = next(token)) seen.add(token);
    expect(seen.size).toBe(size);
    expect(size).toBe(2000);
  });

  it('leads into itself from tokens outside, and never out', () => {
    const { next } = plantChain(7, FIRST, VOCABULARY, 0.5);
    for (let token = 0; token < VOCABULARY; token++) expect(next(token)).toBeGreaterThanOrEqual(FIRST);
  });

  it.each([1, 0.8, 0.25, 0])('that agrees on a share of %d differs at exactly the others, and stays one to one', (agree) => {
    const chain = plantChain(7, FIRST, VOCABULARY, 1);
    const other = plantChain(7, FIRST, VOCABULARY, agree);
    expect(tokens.filter((token) => other.next(token) === chain.next(token))).toHaveLength(agree * 2000);
    expect(new Set(tokens.map(other.next)).size).toBe(2000);
    for (const token of tokens) expect(other.previous(other.next(token))).toBe(token);
  });

  it('differs with the seed', () => {
    const [a, b] = [plantChain(1, FIRST, VOCABULARY, 1), plantChain(2, FIRST, VOCABULARY, 1)];
    expect(tokens.filter((token) => a.next(token) === b.next(token)).length).toBeLessThan(20);
  });
});
