import { expect, test } from 'vitest';
import { ImageEmbeddingCache } from './image-embedding-cache.js';

const values = (count: number): Float32Array => new Float32Array(count);
const held = (cache: ImageEmbeddingCache, ...hashes: string[]): string[] => hashes.filter((hash) => cache.get(hash) !== undefined);

test('keeps what was used last, within its bytes', () => {
  const cache = new ImageEmbeddingCache(100);
  cache.set('a', values(10));
  cache.set('b', values(10));
  expect([cache.bytes, cache.get('a')?.length]).toEqual([80, 10]);
  cache.set('c', values(15));
  expect(held(cache, 'a', 'b', 'c')).toEqual(['a', 'c']);
  expect(cache.bytes).toBe(100);
  cache.set('d', values(25));
  expect([...held(cache, 'a', 'c', 'd'), cache.bytes]).toEqual(['d', 100]);
});

test('counts a picture that is put in again once, and one that is too large not at all', () => {
  const cache = new ImageEmbeddingCache(100);
  cache.set('a', values(10));
  cache.set('a', values(20));
  cache.set('b', values(26));
  expect([...held(cache, 'a', 'b'), cache.bytes]).toEqual(['a', 80]);
  const none = new ImageEmbeddingCache(0);
  none.set('a', values(1));
  expect([...held(none, 'a'), none.bytes]).toEqual([0]);
});
