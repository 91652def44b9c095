import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePythonMessage, toPythonGenerate } from './python-protocol.js';

const token = { type: 'token', id: 1, token: 5, text: ' a', at_ms: 3.5 };

test('a message comes out as it was sent', () => {
  expect(parsePythonMessage(JSON.stringify(token))).toEqual(token);
});

test.each([
  '',
  '{',
  'null',
  '[]',
  '"token"',
  JSON.stringify({ ...token, type: 'tokens' }),
  JSON.stringify({ ...token, id: -1 }),
  JSON.stringify({ ...token, id: '1' }),
  JSON.stringify({ ...token, text: null }),
  JSON.stringify({ ...token, at_ms: null }),
  JSON.stringify({ type: 'error', id: 1, code: 'X' }),
  JSON.stringify({ type: 'ready', protocol: 'one', python: '', torch: '', transformers: '' }),
])('%s is none', (line) => {
  expect(parsePythonMessage(line)).toBeUndefined();
});

test('nothing that arrives makes the parser throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (line) => {
      parsePythonMessage(line);
    }),
  );
});

test('a request carries its pictures as base64 and the defaults of what was not set', () => {
  const content = [{ type: 'picture', bytes: Buffer.from('PNG') } as const, { type: 'text', text: 'What?' } as const];
  const request = toPythonGenerate({ input: { messages: [{ role: 'user', content }] }, maxTokens: 3, sampling: { temperature: 0.5, seed: 7 } });
  expect(request).toEqual({
    messages: [{ role: 'user', content: [{ picture: 'UE5H' }, { text: 'What?' }] }],
    prompt: null,
    max_tokens: 3,
    forced: null,
    sampling: { temperature: 0.5, top_k: 40, top_p: 0.95, min_p: 0.05, repeat_penalty: 1, seed: 7 },
  });
});
