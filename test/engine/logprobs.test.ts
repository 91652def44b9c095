import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import type { DecodingOptions } from '../../src/core/decoding.js';
import type { DetailedEvent, DetailedResult, TokenLogprobs } from '../../src/core/generator.js';
import { Engine } from '../../src/engine/engine.js';
import type { EngineTask } from '../../src/engine/engine-task.js';
import type { TokenChances } from '../../src/engine/sampling/logprob-sampler.js';
import { quantise } from '../../src/engine/libllama/quantise.js';
import type { PreparedRequest } from '../../src/runtimes/prompt/prepared-request.js';
import { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import { ask, loadShapes, sceneFor, user } from './support/ask.js';
import { libllamaGreedy } from './support/libllama-greedy.js';
import { readParityCase } from './support/parity-case.js';
import { temporaryFolder, tinyModel } from './support/tiny-models.js';

/** The references' logits are within 1e-3 of the engine's, and a logarithm of a sum of exponentials moves no more than they do. */
const TOLERANCE = 2e-3;

async function chancesOf(engine: Engine, task: Omit<EngineTask, 'isEnd'>): Promise<{ tokens: number[]; chances: TokenChances[] }> {
  const tokens: number[] = [];
  const chances: TokenChances[] = [];
  for await (const event of engine.generate({ isEnd: () => false, ...task })) {
    if (event.type === 'done') continue;
    tokens.push(event.token);
    if (event.chances !== undefined) chances.push(event.chances);
  }
  return { tokens, chances };
}

/** Plainly: log of softmax. */
function logSoftmax(logits: Float32Array): number[] {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return [...logits].map((logit) => logit - Math.log(sum));
}

function expectAsReference(
  chances: readonly TokenChances[],
  tokens: readonly number[],
  rows: readonly Float32Array[],
  count: number,
): void {
  expect(chances).toHaveLength(tokens.length);
  for (const [step, { logprob, top }] of chances.entries()) {
    const reference = logSoftmax(rows[step] ?? new Float32Array());
    expect(Math.abs(logprob - (reference[tokens[step] ?? -1] ?? NaN))).toBeLessThan(TOLERANCE);
    expect(top).toHaveLength(count);
    for (const one of top) expect(Math.abs(one.logprob - (reference[one.token] ?? NaN))).toBeLessThan(TOLERANCE);
    // Nothing likelier was left out.
    const others = reference.filter((_, token) => !top.some((one) => one.token === token));
    expect(Math.max(...others)).toBeLessThan((top.at(-1)?.logprob ?? NaN) + TOLERANCE);
  }
}

test.each(['tiny-llama-bpe', 'tiny-llama-spm'] as const)('%s: as Hugging Face has them, in float32', async (name) => {
  const { model } = await tinyModel(name);
  const reference = await readParityCase(name);
  using engine = await Engine.load({ model, threads: 1, context: 512, cache: { type: 'f32' } });
  const prompt = [{ type: 'tokens', tokens: Int32Array.from(reference.promptIds) } as const];
  const { tokens, chances } = await chancesOf(engine, { prompt, maxTokens: 33, logprobs: 5 });
  expect(tokens).toEqual(reference.generatedIds);
  expectAsReference(chances, tokens, reference.logits, 5);
});

test('a file in Q8_0: as libllama has them', async () => {
  const { model } = await tinyModel('tiny-llama-spm');
  const out = join(await temporaryFolder(), 'q8_0.gguf');
  await quantise({ model, out, type: 'q8_0', threads: 1 });
  const { promptIds } = await readParityCase('tiny-llama-spm');
  const peer = await libllamaGreedy(out, promptIds, 31, 512);
  using engine = await Engine.load({ model: out, threads: 1, context: 512 });
  const prompt = [{ type: 'tokens', tokens: Int32Array.from(promptIds) } as const];
  const { tokens, chances } = await chancesOf(engine, { prompt, maxTokens: 32, logprobs: 20 });
  expect(tokens).toEqual(peer.tokens);
  expectAsReference(chances, tokens, peer.rows, 20);
});

describe('the model in the box', async () => {
  const { model } = await findModel({ model: 'shapes' });
  const engine = await loadShapes({ draft: { model: join(dirname(model), 'shapes-draft-f16.gguf') } });
  afterAll(() => {
    engine[Symbol.dispose]();
  });
  const { image } = await sceneFor(engine, 3);
  const messages = [user('Describe the picture.', image)];
  const told = (result: DetailedResult): readonly TokenLogprobs[] => result.logprobs ?? [];
  const plain = await ask(engine, messages, { decoding: { strategy: 'plain' }, logprobs: 3 });

  const EXACT: readonly DecodingOptions[] = [
    { strategy: 'speculative', adaptive: false },
    { strategy: 'ngram', ngramMin: 1, adaptive: false },
    { strategy: 'self-speculative', draftLayers: 2, adaptive: false },
    { strategy: 'speculative', adaptive: false, verification: 'rejection' },
    { strategy: 'early-exit', exitThreshold: 1 },
  ];
  test.each(EXACT)('are those of plain decoding under $strategy $verification', async (decoding) => {
    const answer = await ask(engine, messages, { decoding, logprobs: 3 });
    expect(answer.tokens).toEqual(plain.tokens);
    expect(told(answer).map(({ token }) => token)).toEqual(plain.tokens);
    for (const [i, { logprob, top }] of told(answer).entries()) {
      expect(Math.abs(logprob - (told(plain)[i]?.logprob ?? NaN))).toBeLessThan(TOLERANCE);
      expect(top[0]?.token).toBe(plain.tokens[i]);
    }
  });

  test('verified by rejection at a temperature, too: every token that was drawn has its own', async () => {
    const sampling = { temperature: 1, topK: 0, seed: 5 };
    const answer = await ask(engine, messages, { sampling, decoding: { strategy: 'speculative', verification: 'rejection' }, logprobs: 0 });
    expect(told(answer).map(({ token }) => token)).toEqual(answer.tokens);
    expect(told(answer).every(({ logprob, top }) => logprob <= 0 && Number.isFinite(logprob) && top.length === 0)).toBe(true);
  });

  test('are of the model, before temperature, penalties and grammars', async () => {
    const forced = await ask(engine, messages, {
      grammar: { gbnf: 'root ::= "zzz"' },
      logprobs: 1,
      sampling: { temperature: 2, repeatPenalty: 1.5 },
    });
    expect(forced.text).toBe('zzz');
    const [first] = told(forced);
    expect(first?.logprob).toBeLessThan(-3);
    // What it would have said.
    expect(first?.top[0]?.token).toBe(plain.tokens[0]);
    expect(Math.abs((first?.top[0]?.logprob ?? NaN) - (told(plain)[0]?.logprob ?? NaN))).toBeLessThan(TOLERANCE);
  });

  test('of an early exit they are those of the layer that the token left after, and the answer is lossy', async () => {
    const left = await ask(engine, messages, { decoding: { strategy: 'early-exit', exitThreshold: 0.5, exitLayers: [2] }, logprobs: 2 });
    expect(left.lossy).toEqual([expect.stringContaining('early exit')]);
    expect(told(left)).toHaveLength(left.tokens.length);
    for (const { token, top } of told(left)) expect(top[0]?.token).toBe(token);
  });

  test.each([-1, 21, 1.5, NaN])('%d are not told', async (logprobs) => {
    await expect(ask(engine, messages, { logprobs })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('a random model, which writes broken characters', async () => {
  const { model } = await tinyModel('tiny-llama-bpe');
  const engine = await TextEngine.load({ model, threads: 1, context: 512 });
  afterAll(() => {
    engine[Symbol.dispose]();
  });
  const request: PreparedRequest = { input: { prompt: 'Where is it?' }, maxTokens: 40, logprobs: 1, sampling: { temperature: 1, seed: 1 } };

  async function generate(more: Partial<PreparedRequest> = {}): Promise<{ result: DetailedResult; streamed: DetailedEvent[] }> {
    const streamed: DetailedEvent[] = [];
    for await (const event of engine.generate({ ...request, ...more })) {
      if (event.type === 'done') return { result: event.result, streamed };
      streamed.push(event);
    }
    throw new Error('the generation ended without a result');
  }
  const bytesOf = (tokens: readonly TokenLogprobs[] = []): Buffer => Buffer.concat(tokens.map(({ bytes }) => bytes));

  test('the bytes of all tokens are the answer', async () => {
    const { result, streamed } = await generate();
    expect(result.logprobs).toHaveLength(40);
    expect(new TextDecoder().decode(bytesOf(result.logprobs)).startsWith(result.text)).toBe(true);
    const early = streamed.flatMap((event) => (event.type === 'token' ? (event.logprobs ?? []) : []));
    expect(result.logprobs?.slice(0, early.length)).toEqual(early);
  });

  test('tokens of a stop string are not told, those before it are, and streamed only when they are certain', async () => {
    const { result: whole } = await generate();
    for (const [from, to] of [
      [4, 5],
      [6, 9],
      [10, 14],
    ] as const) {
      const stop = Array.from(whole.text).slice(from, to).join('');
      const { result, streamed } = await generate({ stop: [stop] });
      expect(result.finishReason).toBe('stop');
      const told = new TextDecoder().decode(bytesOf(result.logprobs));
      expect(told.startsWith(result.text)).toBe(true);
      // A token may reach into the stop string, but none begins in it.
      const withoutLast = new TextDecoder().decode(bytesOf(result.logprobs?.slice(0, -1)));
      expect(result.text.startsWith(withoutLast.replace(/\uFFFD+$/, '')) && withoutLast !== result.text).toBe(result.text !== '');
      const early = streamed.flatMap((event) => (event.type === 'token' ? (event.logprobs ?? []) : []));
      expect(result.logprobs).toEqual(early);
    }
  });

  test('nothing is told where nothing was asked', async () => {
    const silent: PreparedRequest = { input: request.input, maxTokens: 5 };
    for await (const event of engine.generate(silent)) expect('logprobs' in (event.type === 'done' ? event.result : event)).toBe(false);
  });
});
