import { expect, test } from 'vitest';
import { canonicalJson, sha256Json } from './canonical-json.js';

test('the order of keys does not count, that of items does', () => {
  expect(canonicalJson({ b: [2, { d: null, c: 'x' }], a: 1 })).toBe('{"a":1,"b":[2,{"c":"x","d":null}]}');
  expect(sha256Json({ a: 1, b: 2 })).toBe(sha256Json({ b: 2, a: 1 }));
  expect(sha256Json([1, 2])).not.toBe(sha256Json([2, 1]));
});

test('the hash is that of the text', () => {
  // printf '{"a":1}' | sha256sum
  expect(sha256Json({ a: 1 })).toBe('015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862');
});
