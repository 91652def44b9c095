import { expect, it } from 'vitest';
import type { GenerateRequest, GenerateResult, ModelDescription } from '../core/generator.js';
import type { PictureFingerprint } from '../core/picture-fingerprint.js';
import { pictureQuestion, SimilarAnswers } from './similar-answers.js';

const MODEL: ModelDescription = {
  ...{ name: 'm', architecture: 'llama', precision: 'F16', parameters: 1, contextLength: 1, vocabularySize: 1 },
  ...{ vision: null, weightBytes: 1, cacheBytes: 1, load_ms: 1, warnings: [] },
};
const stages = {
  queue_ms: 1,
  tokenise_ms: 1,
  prepare_ms: 1,
  encode_ms: 1,
  prefill_ms: 1,
  decode_ms: 1,
  sample_ms: 1,
  ttft_ms: 1,
  total_ms: 1,
};
const answer = (text: string): GenerateResult => ({
  ...{
    text,
    finishReason: 'stop',
    promptTokens: 10,
    imageTokens: 6,
    cachedTokens: 0,
    completionTokens: 3,
    timings: stages,
    warnings: ['w'],
  },
});
const seen = (value: number): PictureFingerprint => ({ width: 2, height: 1, cells: Uint8Array.of(0, value, 0) });
const request = (text: string, more: Partial<GenerateRequest> = {}): GenerateRequest => ({
  input: {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'picture', bytes: new Uint8Array() },
          { type: 'text', text },
        ],
      },
    ],
  },
  maxTokens: 5,
  ...more,
});

function question(
  values: number[],
  {
    client = 'c',
    text = 'q',
    model = MODEL,
    more = {},
  }: { client?: string; text?: string; model?: ModelDescription; more?: Partial<GenerateRequest> } = {},
) {
  const told = pictureQuestion(client, request(text, more), model, values.map(seen));
  if (told === null) throw new Error('not to be reused');
  return told;
}

it('gives the nearest answer below the distance, and says so', () => {
  const answers = new SimilarAnswers();
  answers.remember(question([100]), answer('far'));
  answers.remember(question([106]), answer('near'));
  expect(answers.find(question([104]), 5)).toMatchObject({
    distance: 2,
    result: { text: 'near', completionTokens: 3, cachedTokens: 10, warnings: ['w'], timings: { encode_ms: 0, total_ms: 0 } },
  });
  expect(answers.find(question([104]), 5)?.result.lossy).toEqual(['the answer about an earlier picture, 2 away (given again below 5)']);
  // Not at the distance itself.
  expect(answers.find(question([104]), 2)).toBeUndefined();
  expect(answers.find(question([110]), 4)).toBeUndefined();
});

it('never for another client, question, model, setting, or number of pictures', () => {
  const answers = new SimilarAnswers();
  answers.remember(question([100]), answer('a'));
  for (const other of [
    question([100], { client: 'd' }),
    question([100], { text: 'Q' }),
    question([100], { model: { ...MODEL, load_ms: 2 } }),
    question([100], { more: { maxTokens: 6 } }),
    question([100], { more: { sampling: { seed: 1 } } }),
    question([100], { more: { decoding: { strategy: 'early-exit' } } }),
    question([100], { more: { grammar: { gbnf: 'root ::= "a"' } } }),
    question([100, 100]),
  ]) {
    expect(answers.find(other, 50)).toBeUndefined();
  }
  expect(answers.find(question([100]), 50)).toBeDefined();
});

it('of several pictures the one that differs most counts, in their order', () => {
  const answers = new SimilarAnswers();
  answers.remember(question([10, 90]), answer('a'));
  expect(answers.find(question([11, 93]), 5)?.distance).toBe(3);
  expect(answers.find(question([90, 10]), 5)).toBeUndefined();
});

it('keeps so many, and those longest that were used last', () => {
  const answers = new SimilarAnswers(2);
  answers.remember(question([0]), answer('a'));
  answers.remember(question([50]), answer('b'));
  expect(answers.find(question([0]), 1)).toBeDefined();
  answers.remember(question([100]), answer('c'));
  expect([0, 50, 100].map((value) => answers.find(question([value]), 1)?.result.text)).toEqual(['a', undefined, 'c']);
});

it('an answer that must be the own one is never given again', () => {
  for (const more of [{ reuse: false }, { logprobs: 0 }, { choiceGaps: true }]) {
    expect(pictureQuestion('c', request('q', more), MODEL, [seen(1)])).toBeNull();
  }
  expect(pictureQuestion('c', request('q'), MODEL, [])).toBeNull();
  expect(pictureQuestion('c', { input: { prompt: 'q' }, maxTokens: 1 }, MODEL, [seen(1)])).toBeNull();
});
