import { expect, test } from 'vitest';
import { EdgeVlmError } from '../../core/errors.js';
import { parseCacheSpec } from './cache-spec.js';

test.each([
  ['full', { policy: 'full' }],
  ['full:q8_0', { policy: 'full', type: 'q8_0' }],
  [' hadamard:q4_0', { policy: 'hadamard', type: 'q4_0' }],
  ['gear:2', { policy: 'gear', gear: { bits: 2 } }],
  ['pyramidkv:0.4', { policy: 'pyramidkv', pyramid: { budget: 0.4 } }],
  ['pyramidkv+hadamard:128', { policy: 'pyramidkv+hadamard', pyramid: { budget: 128 } }],
])('%s is a cache', (spec, options) => {
  expect(parseCacheSpec(spec)).toEqual(options);
});

test.each(['', 'small', 'full:', 'full:0.5', 'gear:3', 'gear:q8_0', 'pyramidkv:0', 'pyramidkv:nan', 'full:f16:f16'])(
  '"%s" is refused',
  (spec) => {
    expect(() => parseCacheSpec(spec)).toThrow(EdgeVlmError);
  },
);
