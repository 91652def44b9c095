import { describe, expect, it } from 'vitest';

import { configFromEnvironment, parseConfig } from './parse-config.js';

const valuesOf = (text: string): Record<string, string | null> =>
  Object.fromEntries(Object.entries(parseConfig(text, 'ttft.env')).map(([name, { value }]) => [name, value]));

describe('a configuration', () => {
  it('may be lines of KEY=VALUE', () => {
    const text = [
      '\uFEFF# what to compare',
      'BASELINE_MODEL_NAME=gpt2',
      '',
      'export LLAMACPP_API_BASE_URL=http://localhost:8000/#not-a-comment   # but this is one',
      "SHORT_PROMPTS_FILE='my prompts.txt'",
      'LLAMACPP_MODEL_ALIAS=None',
      'MAX_NEW_TOKENS_FOR_TTFT = 7',
    ].join('\r\n');
    expect(valuesOf(text)).toEqual({
      BASELINE_MODEL_NAME: 'gpt2',
      LLAMACPP_API_BASE_URL: 'http://localhost:8000/#not-a-comment',
      SHORT_PROMPTS_FILE: 'my prompts.txt',
      LLAMACPP_MODEL_ALIAS: null,
      MAX_NEW_TOKENS_FOR_TTFT: '7',
    });
  });

  it('may be assignments of literals in a Python file', () => {
    const text = [
      '"""Configuration of the benchmark.',
      'UNKNOWN = "in a docstring"',
      '"""',
      'BASELINE_MODEL_NAME: str = "EleutherAI/pythia-70m-deduped"  # or "gpt2"',
      'LLAMACPP_MODEL_ALIAS: str | None = "None"',
      'LLAMACPP_API_BASE_URL = "http://localhost:8000" # = the default',
      'SHORT_PROMPTS_FILE = "data\\\\short\\prompts.txt"',
      "LONG_PROMPTS_FILE = 'it\\'s \"long\".txt'",
      'MAX_NEW_TOKENS_FOR_TTFT = 10',
    ].join('\n');
    expect(valuesOf(text)).toEqual({
      BASELINE_MODEL_NAME: 'EleutherAI/pythia-70m-deduped',
      LLAMACPP_MODEL_ALIAS: 'None',
      LLAMACPP_API_BASE_URL: 'http://localhost:8000',
      SHORT_PROMPTS_FILE: 'data\\short\\prompts.txt',
      LONG_PROMPTS_FILE: 'it\'s "long".txt',
      MAX_NEW_TOKENS_FOR_TTFT: '10',
    });
  });

  it.each([
    [
      'an unknown key',
      'BASELINE_MODEL_NAME=a\nLLAMACPP_URL=b',
      /^ttft\.env:2: there is no setting called LLAMACPP_URL; there are BASELINE_/,
    ],
    ['a key set twice', 'BASELINE_MODEL_NAME=a\n\nBASELINE_MODEL_NAME=b', /^ttft\.env:3: .* twice, first in ttft\.env:1/],
    ['code', 'import os', /^ttft\.env:1: expected KEY=VALUE/],
    ['an expression of strings', 'BASELINE_MODEL_NAME = "a" + "b"', /^ttft\.env:1: expected one plain quoted string/],
    ['an f-string', 'BASELINE_MODEL_NAME = f"{a}"', /^ttft\.env:1: expected one plain quoted string/],
    ['a string that does not end', 'BASELINE_MODEL_NAME = "a', /^ttft\.env:1: expected one plain quoted string/],
  ])('refuses %s and says in which line', (_, text, message) => {
    expect(() => parseConfig(text, 'ttft.env')).toThrow(message);
  });

  it('comes from the environment, too, where empty is absent', () => {
    const config = configFromEnvironment({
      BASELINE_MODEL_NAME: '',
      LLAMACPP_MODEL_ALIAS: 'None',
      MAX_NEW_TOKENS_FOR_TTFT: ' 3',
      PATH: '/bin',
    });
    expect(Object.entries(config).map(([name, { value }]) => [name, value])).toEqual([
      ['LLAMACPP_MODEL_ALIAS', null],
      ['MAX_NEW_TOKENS_FOR_TTFT', '3'],
    ]);
  });
});
