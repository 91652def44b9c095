import { describe, expect, test } from 'vitest';
import { EdgeVlmError } from '../../core/errors.js';
import type { SamplingOptions } from '../../core/generator.js';
import { createSampler } from '../sampling/create-sampler.js';
import { resolveSampling } from '../sampling/resolve-sampling.js';
import type { DecodingTarget } from './decoding-strategy.js';
import { createDecodingStrategy, DECODING_STRATEGIES } from './registry.js';

const VOCABULARY = 11;
const PROMPT = [4, 9, 1];

/** A model whose likeliest next token follows from the last one (a cycle of ten), the others not far behind. */
class ToyModel implements DecodingTarget {
  readonly tokens = [...PROMPT];

  constructor(private readonly capacity = 1000) {}

  static next(token: number): number {
    return (2 * token + 5) % VOCABULARY;
  }

  /** What a greedy answer must be. */
  static chain(count: number): number[] {
    const tokens = [...PROMPT];
    while (tokens.length < PROMPT.length + count) tokens.push(ToyModel.next(tokens.at(-1) ?? 0));
    return tokens.slice(PROMPT.length);
  }

  length(): number {
    return this.tokens.length;
  }

  decode(tokens: Int32Array, logits: 'last' | 'all'): Promise<Float32Array> {
    if (this.tokens.length + tokens.length > this.capacity) return Promise.reject(new EdgeVlmError('CONTEXT_FULL', 'the toy is full'));
    const rows = [...tokens].map((token) => {
      this.tokens.push(token);
      return this.row();
    });
    return Promise.resolve(Float32Array.from((logits === 'all' ? rows : rows.slice(-1)).flat()));
  }

  truncate(length: number): void {
    this.tokens.length = Math.min(this.tokens.length, length);
  }

  /** Logits after the last token. */
  row(): number[] {
    const likeliest = ToyModel.next(this.tokens.at(-1) ?? 0);
    return Array.from({ length: VOCABULARY }, (_, token) => (token === likeliest ? 2 : Math.cos(token + this.tokens.length)));
  }
}

describe.each(DECODING_STRATEGIES)('the decoding strategy %s', (name) => {
  interface Options {
    maxTokens: number;
    end?: number;
    sampling?: SamplingOptions;
    target?: ToyModel;
  }

  async function run({
    maxTokens,
    end,
    sampling,
    target = new ToyModel(),
  }: Options): Promise<{ answer: number[]; accepted: number[]; reason: string }> {
    using sampler = createSampler(VOCABULARY, resolveSampling(sampling));
    const accepted: number[] = [];
    const answer: number[] = [];
    const steps = createDecodingStrategy(name).run({
      target,
      promptLogits: Float32Array.from(target.row()),
      sampler: {
        sample: (logits) => sampler.sample(logits),
        accept: (token) => {
          accepted.push(token);
          sampler.accept(token);
        },
        [Symbol.dispose]: () => undefined,
      },
      maxTokens,
      isEnd: (token) => token === end,
    });
    for (let step = await steps.next(); ; step = await steps.next()) {
      if (step.done === true) return { answer, accepted, reason: step.value };
      answer.push(step.value);
    }
  }

  test.each([1, 2, 7, 40])('greedy, gives exactly the %i likeliest tokens', async (count) => {
    expect(await run({ maxTokens: count })).toMatchObject({ answer: ToyModel.chain(count), reason: 'length' });
  });

  test('stops at the end token and does not give it out', async () => {
    const chain = ToyModel.chain(40);
    const end = chain.at(5) ?? NaN;
    const expected = chain.slice(0, chain.indexOf(end));
    expect(await run({ maxTokens: 40, end })).toMatchObject({ answer: expected, reason: 'stop' });
    expect(await run({ maxTokens: 40, end: chain[0] ?? NaN })).toMatchObject({ answer: [], reason: 'stop' });
  });

  test('an answer that ends just where it must is `length`: the end token was not seen', async () => {
    const chain = ToyModel.chain(6);
    expect(new Set(chain).size).toBe(6);
    expect((await run({ maxTokens: 5, end: chain[5] ?? NaN })).reason).toBe('length');
    expect((await run({ maxTokens: 6, end: chain[5] ?? NaN })).reason).toBe('stop');
  });

  test('tells the sampler every token of the answer once, in order', async () => {
    const { answer, accepted } = await run({ maxTokens: 25, sampling: { repeatPenalty: 3 } });
    expect(accepted).toEqual(answer);
    expect(answer).not.toEqual(ToyModel.chain(25));
  });

  test('leaves only tokens of the answer in the sequence', async () => {
    const target = new ToyModel();
    const { answer } = await run({ maxTokens: 30, target });
    expect([...PROMPT, ...answer].slice(0, target.length())).toEqual(target.tokens);
    expect(target.length()).toBeGreaterThanOrEqual(PROMPT.length + answer.length - 1);
  });

  test('sampled, repeats with its seed and differs with another', async () => {
    const sampled = async (seed: number): Promise<number[]> =>
      (await run({ maxTokens: 40, sampling: { temperature: 1, topK: 0, seed } })).answer;
    const first = await sampled(1);
    expect(await sampled(1)).toEqual(first);
    expect(await sampled(2)).not.toEqual(first);
  });

  test('passes on what the model refuses, after the tokens that were certain', async () => {
    const target = new ToyModel(PROMPT.length + 4);
    await expect(run({ maxTokens: 40, target })).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
    expect(target.tokens).toEqual([...PROMPT, ...ToyModel.chain(4)]);
  });
});
