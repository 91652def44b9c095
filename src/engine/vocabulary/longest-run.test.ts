import { expect, it } from 'vitest';
import { GgufMetadata } from '../../formats/gguf/gguf-metadata.js';
import { longestRun, maxRun } from './longest-run.js';

it.each([
  ['', 0],
  ['a quiet street', 6],
  ['a \n\t b', 4],
  ["it's 12:30!", 6],
])('of %j it is %d', (text, run) => {
  expect(longestRun(text)).toBe(run);
});

it.each([
  ['llama', undefined, Infinity],
  ['gpt2', 'smollm', Infinity],
  ['gpt2', 'falcon', 2000],
  ['gpt2', undefined, 2000],
])('is bounded where regular expressions part the words: %s, %s', (model, pre, bound) => {
  const metadata = new GgufMetadata(
    'model.gguf',
    new Map([
      ['tokenizer.ggml.model', { type: 'string', value: model }],
      ...(pre === undefined ? [] : [['tokenizer.ggml.pre', { type: 'string', value: pre }] as const]),
    ]),
  );
  expect(maxRun(metadata)).toBe(bound);
});
