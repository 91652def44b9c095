import { expect, it } from 'vitest';
import { chatLogprobs, CompletionLogprobsWriter } from './logprobs.js';

const token = (text: string | number[], logprob: number, top: { bytes: Uint8Array; logprob: number }[] = []) => ({
  token: 1,
  bytes: Uint8Array.from(Buffer.from(text as string)),
  logprob,
  top: top.map((one) => ({ ...one, token: 2 })),
});
const CUT = [0xe2, 0x82];

it('chats tell each token, its bytes, and the likeliest at its place', () => {
  const told = chatLogprobs([
    token('Zoë', -0.5, [
      { bytes: Buffer.from('Zoë'), logprob: -0.5 },
      { bytes: Buffer.from(CUT), logprob: -2 },
    ]),
  ]);
  const zoe = { token: 'Zoë', logprob: -0.5, bytes: [90, 111, 195, 171] };
  expect(told).toEqual({ content: [{ ...zoe, top_logprobs: [zoe, { token: '\\xe2\\x82', logprob: -2, bytes: CUT }] }], refusal: null });
  expect(chatLogprobs(undefined)).toBeNull();
});

it('what never happens has a number that JSON can write', () => {
  expect(JSON.stringify(chatLogprobs([token('a', -Infinity)]))).toContain('"logprob":-9999');
});

it('completions tell lists, the token itself among the likeliest, and go on counting characters from chunk to chunk', () => {
  const writer = new CompletionLogprobsWriter();
  expect(writer.write([token('🙂a', -1, [{ bytes: Buffer.from('b'), logprob: -0.1 }]), token(CUT, -3)])).toEqual({
    tokens: ['🙂a', 'bytes:\\xe2\\x82'],
    token_logprobs: [-1, -3],
    top_logprobs: [{ '🙂a': -1, b: -0.1 }, { 'bytes:\\xe2\\x82': -3 }],
    text_offset: [0, 2],
  });
  // The rest of the euro sign, and what comes after it.
  expect(writer.write([token([0xac], -1), token('.', -1)])?.text_offset).toEqual([2, 3]);
  expect(writer.write(undefined)).toBeNull();
});
