import { describe, expect, it } from 'vitest';

import { parseConfig } from './parse-config.js';
import { apiRoot, ttftSettings } from './ttft-settings.js';

const config = (...lines: string[]) => parseConfig(lines.join('\n'), 'c');

describe('settings of a comparison', () => {
  it('are taken from the first source that has them, then from the defaults', () => {
    const flags = config('LLAMACPP_MODEL_ALIAS=None');
    const file = config('BASELINE_MODEL_NAME=gpt2', 'LLAMACPP_MODEL_ALIAS=other.gguf', 'MAX_NEW_TOKENS_FOR_TTFT=5');
    expect(ttftSettings([flags, {}, file])).toEqual({
      baselineModel: 'gpt2',
      apiBaseUrl: 'http://localhost:8000',
      modelAlias: null,
      shortPromptsFile: null,
      longPromptsFile: null,
      maxNewTokens: 5,
    });
  });

  it.each([
    ['no model', [], /the baseline has no model/],
    ['a model that is None', ['BASELINE_MODEL_NAME=None'], /the baseline has no model/],
    [
      'an address without a scheme',
      ['BASELINE_MODEL_NAME=a', 'LLAMACPP_API_BASE_URL=localhost:8000'],
      /c:2: LLAMACPP_API_BASE_URL is "localhost:8000"/,
    ],
    ['a query in an address', ['BASELINE_MODEL_NAME=a', 'LLAMACPP_API_BASE_URL=http://a/?b=c'], /expected the address of a server/],
    ['a password in an address', ['BASELINE_MODEL_NAME=a', 'LLAMACPP_API_BASE_URL=http://a:secret@b'], /is "http:\/\/\*\*\*@b"/],
    ['no tokens', ['BASELINE_MODEL_NAME=a', 'MAX_NEW_TOKENS_FOR_TTFT=0'], /c:2: MAX_NEW_TOKENS_FOR_TTFT is 0/],
    ['half a token', ['BASELINE_MODEL_NAME=a', 'MAX_NEW_TOKENS_FOR_TTFT=1.5'], /whole number/],
  ])('refuse %s', (_, lines, message) => {
    expect(() => ttftSettings([config(...lines)])).toThrow(message);
  });

  it.each([
    ['http://localhost:8000', 'http://localhost:8000/v1'],
    ['http://localhost:8000//', 'http://localhost:8000/v1'],
    ['http://host/v1/completions', 'http://host/v1'],
    ['https://host/api/v1/', 'https://host/api/v1'],
  ])('call below %s at %s', (given, root) => {
    expect(apiRoot(given)).toBe(root);
  });
});
