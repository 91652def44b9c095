import { expect, test } from 'vitest';
import type { GenerateEvent, GenerateRequest, ModelDescription } from '../../core/generator.js';
import { WorkerGenerator, type ModelWorker, type WorkerAnswer } from './worker-generator.js';

const description: ModelDescription = {
  name: 'm',
  architecture: 'a',
  precision: 'fp32',
  parameters: null,
  contextLength: null,
  vocabularySize: null,
  vision: null,
  weightBytes: null,
  cacheBytes: null,
  load_ms: 1,
  warnings: [],
};
const answer: WorkerAnswer = {
  finishReason: 'length',
  promptTokens: 3,
  imageTokens: 0,
  stages: { queue_ms: 0, tokenise_ms: 1, prepare_ms: 0, encode_ms: 0, prefill_ms: 2, decode_ms: 3, sample_ms: null },
  warnings: [],
};
const request: GenerateRequest = { input: { messages: [{ role: 'user', content: [{ type: 'text', text: 'Go.' }] }] }, maxTokens: 9 };

/** Says its pieces until it is told to stop. */
function saying(pieces: readonly string[]): ModelWorker {
  return {
    generate: async (_, signal, onToken) => {
      for (const [token, text] of pieces.entries()) {
        if (signal.aborted) return { ...answer, finishReason: 'cancelled' };
        onToken({ token, text });
        await new Promise((resolve) => setImmediate(resolve));
      }
      return answer;
    },
    score: () => Promise.resolve({ promptTokens: null, logits: [] }),
    close: () => Promise.resolve(),
  };
}

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

test('tokens stream, then the result holds the text, the counts and when each token came', async () => {
  const events = await collect(new WorkerGenerator(description, saying([' a', ' red', ' star'])).generate(request));
  expect(events.slice(0, -1)).toEqual(['a', ' red', ' star'].map((text, token) => ({ type: 'token', token, text })));
  const done = events.at(-1);
  if (done?.type !== 'done') throw new Error('no result');
  const { timings, tokenTimes_ms = [], ...rest } = done.result;
  expect(rest).toMatchObject({ text: 'a red star', finishReason: 'length', promptTokens: 3, completionTokens: 3, cachedTokens: 0 });
  expect(tokenTimes_ms).toHaveLength(3);
  expect(timings).toMatchObject({ tokenise_ms: 1, sample_ms: null, ttft_ms: tokenTimes_ms[0] });
  expect(timings.total_ms).toBeGreaterThanOrEqual(tokenTimes_ms[2] ?? Infinity);
});

test('a stop string ends it, even across tokens, and nothing of it is told', async () => {
  const events = await collect(
    new WorkerGenerator(description, saying(['a', ' E', 'N', 'D', ' b'])).generate({ ...request, stop: [' END'] }),
  );
  const done = events.at(-1);
  expect(done).toMatchObject({ type: 'done', result: { text: 'a', finishReason: 'stop', completionTokens: 4 } });
  expect(events.map((event) => (event.type === 'token' ? event.text : '')).join('')).toBe('a');
});

test('aborting ends it as cancelled', async () => {
  const abort = new AbortController();
  const generator = new WorkerGenerator(description, saying(Array.from({ length: 1000 }, () => 'x')));
  let count = 0;
  for await (const event of generator.generate(request, abort.signal)) {
    if (event.type === 'done') expect(event.result.finishReason).toBe('cancelled');
    else if (++count === 3) abort.abort();
  }
  expect(count).toBeLessThan(1000);
});

test.each<GenerateRequest>([
  { ...request, maxTokens: 0 },
  { ...request, maxTokens: 1.5 },
  { ...request, grammar: { gbnf: 'root ::= "a"' } },
  { ...request, logprobs: 0 },
  {
    ...request,
    input: { messages: [{ role: 'user', content: [{ type: 'image', image: { tiles: [], rows: 0, columns: 0, hash: '' } }] }] },
  },
])('what these runtimes cannot do is said before anything runs', async (wrong) => {
  await expect(collect(new WorkerGenerator(description, saying(['x'])).generate(wrong))).rejects.toMatchObject({ code: 'USAGE' });
});
