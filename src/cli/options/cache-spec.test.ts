import { expect, test } from 'vitest';
import { EdgeVlmError } from '../../core/errors.js';
import { parseCacheSpec } from './cache-spec.js';

test.each([
  ['full', { policy: 'full' }],
  ['full:q8_0', { policy: 'full', type: 'q8_0' }],
  [' hadamard:q4_0', { policy: 'hadamard', type: 'q4_0' }],
  ['gear:2', { policy: 'gear', gear: { bits: 2 } }],
  ['pyramidkv:0.4', { policy: 'pyramidkv', pyramid: { budget: 0.4 } }],
  ['gear:2:rank=4:outliers=0', { policy: 'gear', gear: { bits: 2, rank: 4, outliers: 0 } }],
  ['pyramidkv+gear:0.4:bits=2', { policy: 'pyramidkv+gear', gear: { bits: 2 }, pyramid: { budget: 0.4 } }],
  [
    'pyramidkv+hadamard:0.6:q4_0:text:window=16:beta=5',
    { policy: 'pyramidkv+hadamard', type: 'q4_0', pyramid: { budget: 0.6, queries: 'text', window: 16, beta: 5 } },
  ],
  ['pyramidkv+hadamard:128', { policy: 'pyramidkv+hadamard', pyramid: { budget: 128 } }],
])('%s is a cache', (spec, options) => {
  expect(parseCacheSpec(spec)).toEqual(options);
});

test.each([
  '',
  'small',
  'full:',
  'full:0.5',
  'gear:3',
  'gear:q8_0',
  'pyramidkv:0',
  'pyramidkv:nan',
  'full:f16:f16',
  'gear:rank=',
  'gear:rank=2.5',
  'full:rank=2',
  'gear:depth=2',
])('"%s" is refused', (spec) => {
  expect(() => parseCacheSpec(spec)).toThrow(EdgeVlmError);
});
