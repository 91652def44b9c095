import { expect, test } from 'vitest';
import { PrefixCache } from './prefix-cache.js';

/** A KV cache that only counts, and shares in blocks. */
class CountingCache {
  readonly lengths = new Map<number, number>();

  constructor(private readonly block = 1) {}

  length(sequence: number): number {
    return this.lengths.get(sequence) ?? 0;
  }

  truncate(sequence: number, length: number): void {
    if (length < this.length(sequence)) this.lengths.set(sequence, length);
    if (length === 0) this.lengths.delete(sequence);
  }

  share(_from: number, to: number, length: number): number {
    const shared = Math.floor(length / this.block) * this.block;
    if (shared > 0) this.lengths.set(to, shared);
    return shared;
  }
}

/** Runs a sequence: its prompt, then what it answers. @returns tokens that were taken from others */
function run(cache: CountingCache, prefixes: PrefixCache, sequence: number, prompt: number[], answer: number[] = []): number {
  const shared = prefixes.begin(sequence, { tokens: Int32Array.from(prompt), images: [] });
  cache.lengths.set(sequence, prompt.length + answer.length);
  for (const token of answer) prefixes.append(sequence, Int32Array.of(token));
  prefixes.end(sequence);
  return shared;
}

function setUp(capacity: number, block = 1): { cache: CountingCache; prefixes: PrefixCache } {
  const cache = new CountingCache(block);
  return { cache, prefixes: new PrefixCache(cache, capacity) };
}

test('a prompt takes the longest past that it begins with, answers included, but never its last token', () => {
  const { cache, prefixes } = setUp(4);
  expect(run(cache, prefixes, 1, [1, 2, 3], [4, 5])).toBe(0);
  expect(run(cache, prefixes, 2, [1, 2, 9], [9])).toBe(2);
  expect(run(cache, prefixes, 3, [1, 2, 3, 4, 7])).toBe(4);
  expect(run(cache, prefixes, 4, [1, 2, 3, 4, 5])).toBe(4);
  expect(run(cache, prefixes, 5, [8])).toBe(0);
});

test('a policy may share less than was found', () => {
  const { cache, prefixes } = setUp(4, 4);
  run(cache, prefixes, 1, [1, 2, 3, 4, 5, 6]);
  expect(run(cache, prefixes, 2, [1, 2, 3, 4, 5, 7])).toBe(4);
});

test('the past that was used last stays longest, and one that another holds whole goes', () => {
  const { cache, prefixes } = setUp(2);
  run(cache, prefixes, 1, [1, 1, 1]);
  run(cache, prefixes, 2, [2, 2, 2]);
  // Uses the first, and goes on from it: it takes its place.
  run(cache, prefixes, 3, [1, 1, 1, 4]);
  expect([prefixes.kept, ...cache.lengths.keys()]).toEqual([2, 2, 3]);
  run(cache, prefixes, 4, [5, 5]);
  expect([...cache.lengths.keys()]).toEqual([3, 4]);
  // Nothing new in it.
  run(cache, prefixes, 5, [1, 1]);
  expect([...cache.lengths.keys()]).toEqual([3, 4]);
  run(cache, prefixes, 6, [6, 6]);
  expect([...cache.lengths.keys()]).toEqual([3, 6]);
  expect([prefixes.evict(), prefixes.evict(), prefixes.evict(), cache.lengths.size]).toEqual([true, true, false, 0]);
});

test('a sequence that still runs serves too, as far as it was computed', () => {
  const { cache, prefixes } = setUp(2);
  prefixes.begin(1, { tokens: Int32Array.of(1, 2, 3, 4), images: [] });
  expect(prefixes.begin(2, { tokens: Int32Array.of(1, 2, 3, 5), images: [] })).toBe(0);
  cache.lengths.set(1, 2);
  expect(prefixes.begin(3, { tokens: Int32Array.of(1, 2, 3, 6), images: [] })).toBe(2);
});

test('what was taken back or never computed is not kept', () => {
  const { cache, prefixes } = setUp(2);
  prefixes.begin(1, { tokens: Int32Array.of(1, 2, 3), images: [] });
  cache.lengths.set(1, 6);
  prefixes.append(1, Int32Array.of(7, 8, 9));
  prefixes.truncate(1, 4);
  prefixes.end(1);
  expect(run(cache, prefixes, 2, [1, 2, 3, 7, 8, 9])).toBe(4);
  // Cancelled while its prompt was computed, and before.
  prefixes.begin(3, { tokens: Int32Array.of(5, 5, 5, 5), images: [] });
  cache.lengths.set(3, 2);
  prefixes.end(3);
  prefixes.begin(4, { tokens: Int32Array.of(6, 6), images: [] });
  prefixes.end(4);
  expect(run(cache, prefixes, 5, [5, 5, 5, 5])).toBe(2);
  expect(cache.lengths.has(4)).toBe(false);
});

test('without room for any, nothing is kept or shared', () => {
  const { cache, prefixes } = setUp(0);
  expect([run(cache, prefixes, 1, [1, 2, 3]), run(cache, prefixes, 2, [1, 2, 3])]).toEqual([0, 0]);
  expect([prefixes.kept, cache.lengths.size]).toEqual([0, 0]);
});
