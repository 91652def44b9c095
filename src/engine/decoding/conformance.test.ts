import { describe, expect, test } from 'vitest';
import { DECODING_STRATEGIES, type DecodingOptions } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { SamplingOptions } from '../../core/generator.js';
import type { LayerRange } from '../decoders/decoder.js';
import type { LayerOutput, LayerWants } from '../layer-runner.js';
import { createSampler } from '../sampling/create-sampler.js';
import { resolveSampling } from '../sampling/resolve-sampling.js';
import { DecodingCounters } from './decoding-counters.js';
import type { DecodingTarget } from './decoding-strategy.js';
import { DraftController } from './draft-controller.js';
import type { LayeredTarget } from './layered-target.js';
import { createDecodingStrategy } from './registry.js';
import { resolveDecoding } from './resolve-decoding.js';

const VOCABULARY = 11;
const PROMPT = [4, 9, 1];
const LAYERS = 4;

interface ToyOptions {
  readonly capacity?: number;
  /** Where its likeliest token is another than the chain's. */
  readonly wrongAt?: (length: number) => boolean;
}

/** A model whose likeliest next token follows from the last one (a cycle of ten), the others not far behind. */
class ToyModel implements DecodingTarget, LayeredTarget {
  readonly layers = LAYERS;
  readonly costs = { head: 1, keysAndValues: 0.1 };
  readonly tokens = [...PROMPT];
  /** Layers that each token went through. */
  readonly depths = PROMPT.map(() => LAYERS);
  /** What other prompts may begin with. */
  readonly shared = [...PROMPT];

  constructor(private readonly options: ToyOptions = {}) {}

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
    const first = this.#append(tokens, LAYERS);
    if (first === null) return Promise.reject(new EdgeVlmError('CONTEXT_FULL', 'the toy is full'));
    this.shared.push(...tokens);
    const rows = [...tokens].map((_, i) => this.row(first + i));
    return Promise.resolve(Float32Array.from((logits === 'all' ? rows : rows.slice(-1)).flat()));
  }

  truncate(length: number): void {
    this.tokens.length = Math.min(this.tokens.length, length);
    this.depths.length = this.tokens.length;
    this.shared.length = Math.min(this.shared.length, length);
  }

  begin(tokens: Int32Array, to: number, wants: LayerWants): Promise<LayerOutput> {
    const first = this.#append(tokens, to);
    if (first === null) return Promise.reject(new EdgeVlmError('CONTEXT_FULL', 'the toy is full'));
    return Promise.resolve(this.#output(first, to, wants));
  }

  resume(hidden: Float32Array, { from, to }: LayerRange, wants: LayerWants): Promise<LayerOutput> {
    const first = this.#last(hidden, from);
    this.depths.fill(to, first);
    return Promise.resolve(this.#output(first, to, wants));
  }

  leave(hidden: Float32Array, from: number): Promise<void> {
    this.depths.fill(LAYERS, this.#last(hidden, from));
    return Promise.resolve();
  }

  complete(tokens: Int32Array): void {
    this.shared.push(...tokens);
    expect(this.shared).toEqual(this.tokens);
  }

  /** Logits after the token at an index; those of early layers are wrong in places. */
  row(index = this.tokens.length - 1, depth = LAYERS): number[] {
    const length = index + 1;
    const wrong = this.options.wrongAt?.(length) === true || (depth < LAYERS && length % 3 === 1);
    const likeliest = (ToyModel.next(this.tokens[index] ?? 0) + Number(wrong)) % VOCABULARY;
    return Array.from({ length: VOCABULARY }, (_, token) => (token === likeliest ? 2 : Math.cos(token + length)));
  }

  #append(tokens: Int32Array, depth: number): number | null {
    const first = this.tokens.length;
    if (first + tokens.length > (this.options.capacity ?? 1000)) return null;
    this.tokens.push(...tokens);
    // A layer sees what the same layer left of all tokens before.
    for (const token of tokens) {
      expect([token, ...this.depths].slice(1).every((seen) => seen >= depth)).toBe(true);
      this.depths.push(depth);
    }
    return first;
  }

  /** A state knows where it belongs. */
  #last(hidden: Float32Array, from: number): number {
    const first = this.tokens.length - hidden.length;
    hidden.forEach((index, i) => {
      expect(index).toBe(first + i);
      expect(this.depths[index]).toBe(from);
    });
    return first;
  }

  #output(first: number, depth: number, { logits = false, before = false }: LayerWants): LayerOutput {
    const indices = this.tokens.map((_, index) => index).slice(first);
    const hidden = Float32Array.from(indices);
    return {
      hidden,
      before: before ? hidden.map((index) => index + 0.5) : new Float32Array(),
      logits: Float32Array.from(logits ? indices.flatMap((index) => this.row(index, depth)) : []),
    };
  }
}

interface Case {
  readonly name: string;
  readonly options: DecodingOptions;
  readonly draft?: ToyOptions;
}

const GUESSING: readonly Case[] = [
  { name: 'speculative, a perfect draft', options: { strategy: 'speculative' }, draft: {} },
  { name: 'speculative, a draft that errs', options: { strategy: 'speculative' }, draft: { wrongAt: (length) => length % 4 === 0 } },
  { name: 'speculative, a draft that is always wrong', options: { strategy: 'speculative' }, draft: { wrongAt: () => true } },
  { name: 'speculative, a draft with little room', options: { strategy: 'speculative' }, draft: { capacity: PROMPT.length + 9 } },
  { name: 'speculative, one guess', options: { strategy: 'speculative', draftTokens: 1 }, draft: {} },
  { name: 'ngram', options: { strategy: 'ngram' } },
  { name: 'ngram of one token', options: { strategy: 'ngram', ngramMin: 1, ngramMax: 1, draftTokens: 9 } },
  { name: 'self-speculative', options: { strategy: 'self-speculative', draftLayers: 1 } },
  { name: 'self-speculative, many guesses', options: { strategy: 'self-speculative', draftLayers: 3, draftTokens: 8 } },
];
const CASES: readonly Case[] = [
  { name: 'plain', options: {} },
  ...GUESSING.map(({ name, options, draft }) => ({ name, options: { ...options, adaptive: false }, ...(draft && { draft }) })),
  { name: 'speculative, its length chosen by its cost', options: { strategy: 'speculative' }, draft: {} },
  ...(['softmax_max', 'softmax_diff', 'state'] as const).map((exitGate) => ({
    name: `early-exit by ${exitGate} that is never sure enough`,
    options: { strategy: 'early-exit', exitGate, exitThreshold: 1, exitLayers: [1, 3] } as const,
  })),
];

interface Run {
  readonly maxTokens: number;
  readonly end?: number;
  readonly sampling?: SamplingOptions;
  readonly target?: ToyModel;
  /** Tokens after which the reader leaves. */
  readonly leaveAfter?: number;
}

interface Outcome {
  readonly answer: number[];
  readonly accepted: number[];
  readonly reason: string;
  readonly counters: DecodingCounters;
}

async function decode({ options, draft }: Omit<Case, 'name'>, run: Run): Promise<Outcome> {
  const { maxTokens, end, sampling, target = new ToyModel(), leaveAfter = Infinity } = run;
  using sampler = createSampler(VOCABULARY, resolveSampling(sampling));
  const decoding = resolveDecoding(options, { layers: LAYERS });
  const counters = new DecodingCounters();
  const accepted: number[] = [];
  const answer: number[] = [];
  const steps = createDecodingStrategy(decoding, LAYERS).run({
    target,
    prompt: Int32Array.from(PROMPT),
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
    draft: draft === undefined ? null : () => Promise.resolve(new ToyModel(draft)),
    layers: target,
    rejection: null,
    controller: new DraftController(decoding),
    counters,
  });
  while (answer.length < leaveAfter) {
    const step = await steps.next();
    if (step.done === true) return { answer, accepted, reason: step.value, counters };
    answer.push(step.value);
  }
  await steps.return('stop');
  return { answer, accepted, reason: 'left', counters };
}

test('every strategy is put to the test', () => {
  expect(new Set(CASES.map(({ options }) => options.strategy ?? 'plain'))).toEqual(new Set(DECODING_STRATEGIES));
});

describe.each(CASES)('decoding: $name', ({ options, draft }) => {
  const run = (settings: Run): Promise<Outcome> => decode({ options, ...(draft && { draft }) }, settings);

  test.each([1, 2, 7, 40])('greedy, gives exactly the %i likeliest tokens', async (count) => {
    expect(await run({ maxTokens: count })).toMatchObject({ answer: ToyModel.chain(count), reason: 'length' });
  });

  test('stops at the end token and does not give it out', async () => {
    const chain = ToyModel.chain(40);
    for (let at = 0; at < 10; at++) {
      const end = chain[at] ?? NaN;
      const expected = chain.slice(0, chain.indexOf(end));
      expect(await run({ maxTokens: 40, end })).toMatchObject({ answer: expected, reason: 'stop' });
    }
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
    expect(answer).toEqual((await decode({ options: {} }, { maxTokens: 25, sampling: { repeatPenalty: 3 } })).answer);
  });

  test('leaves only tokens of the answer in the sequence, every layer of each', async () => {
    const target = new ToyModel();
    const { answer } = await run({ maxTokens: 30, target });
    expect([...PROMPT, ...answer].slice(0, target.length())).toEqual(target.tokens);
    expect(target.length()).toBeGreaterThanOrEqual(PROMPT.length + answer.length - 1);
    expect(new Set(target.depths)).toEqual(new Set([LAYERS]));
    // Other prompts may begin with all of it, or, after an early exit that could have been, with the prompt alone.
    expect(target.shared).toEqual(options.strategy === 'early-exit' ? PROMPT : target.tokens);
  });

  test('a reader may leave at any token; the sequence holds only what comes of the answer', async () => {
    for (let leaveAfter = 1; leaveAfter < 12; leaveAfter++) {
      const target = new ToyModel();
      const { answer } = await run({ maxTokens: 40, target, leaveAfter });
      expect(answer).toEqual(ToyModel.chain(leaveAfter));
      expect([...PROMPT, ...ToyModel.chain(40)].slice(0, target.length())).toEqual(target.tokens);
    }
  });

  test('sampled, gives the tokens of plain decoding at the same seed, and others at another', async () => {
    const sampled = async (seed: number): Promise<number[]> =>
      (await run({ maxTokens: 40, sampling: { temperature: 1, topK: 0, seed } })).answer;
    const first = await sampled(1);
    expect(first).toEqual((await decode({ options: {} }, { maxTokens: 40, sampling: { temperature: 1, topK: 0, seed: 1 } })).answer);
    expect(await sampled(2)).not.toEqual(first);
  });

  test('passes on what the model refuses, after the tokens that were certain', async () => {
    for (const room of [0, 1, 4, 6]) {
      const target = new ToyModel({ capacity: PROMPT.length + room });
      await expect(run({ maxTokens: 40, target })).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
      expect(target.tokens).toEqual([...PROMPT, ...ToyModel.chain(room)]);
    }
  });
});

describe('what guesses bring', () => {
  const passesFor = async (options: DecodingOptions, draft?: ToyOptions): Promise<DecodingCounters> =>
    (await decode({ options: { adaptive: false, draftTokens: 4, ...options }, ...(draft && { draft }) }, { maxTokens: 41 })).counters;

  test('a perfect draft of four makes five tokens a pass', async () => {
    // The first token comes out of the prompt.
    expect(await passesFor({ strategy: 'speculative' }, {})).toMatchObject({ passes: 8, drafted: 32, accepted: 32 });
  });

  test('a draft that is always wrong costs passes that make one token each', async () => {
    const { passes, drafted, accepted } = await passesFor({ strategy: 'speculative' }, { wrongAt: () => true });
    expect([passes, accepted]).toEqual([40, 0]);
    expect(drafted).toBeGreaterThan(100);
  });

  test('early layers that are wrong at every third place are believed at the others', async () => {
    const { passes, drafted, accepted } = await passesFor({ strategy: 'self-speculative', draftLayers: 1 });
    expect(passes).toBeLessThan(20);
    expect(accepted).toBeLessThan(drafted);
    expect(passes + accepted).toBe(40);
  });

  test('a text that repeats itself is guessed from its first period on', async () => {
    const { passes } = await passesFor({ strategy: 'ngram' });
    // The chain repeats after ten tokens.
    expect(passes).toBeLessThan(20);
    expect(passes).toBeGreaterThan(10);
  });
});

describe('early exit', () => {
  const run = async (options: DecodingOptions, maxTokens = 31): Promise<Outcome> =>
    decode({ options: { strategy: 'early-exit', ...options } }, { maxTokens });

  test('at threshold 0 every token leaves at the first exit, and says what that says', async () => {
    const { counters, answer } = await run({ exitLayers: [1, 3], exitThreshold: 0 });
    expect(counters.statistics('early-exit').exits).toEqual({ 1: 30 });
    expect(answer).not.toEqual(ToyModel.chain(31));
    // One layer and its head, three layers' keys and values; against four layers and the head.
    expect(counters.layerEquivalents).toBeCloseTo(30 * (1 + 1 + 3 * 0.1), 9);
    expect(counters.fullLayerEquivalents).toBe(30 * 5);
  });

  test('every exit may have a threshold of its own; gates that were passed are counted', async () => {
    const { counters } = await run({ exitLayers: [1, 3], exitThreshold: [1, 0] });
    expect(counters.statistics('early-exit').exits).toEqual({ 3: 30 });
    expect(counters.layerEquivalents).toBeCloseTo(30 * (3 + 2 + 0.1), 9);
  });

  test('the gate `state` needs no head before a token leaves', async () => {
    const { counters } = await run({ exitLayers: [1, 3], exitThreshold: [1, 0], exitGate: 'state' });
    expect(counters.layerEquivalents).toBeCloseTo(30 * (3 + 1 + 0.1), 9);
  });

  test('a decaying threshold lets later tokens leave', async () => {
    const confidence = 1 / new ToyModel().row().reduce((sum, logit) => sum + Math.exp(logit - 2), 0);
    const steady = await run({ exitLayers: [2], exitThreshold: 1 }, 101);
    const decaying = await run({ exitLayers: [2], exitThreshold: 1, exitDecay: 4 }, 101);
    expect(confidence).toBeLessThan(0.9);
    expect(steady.counters.statistics('early-exit').exits).toEqual({ 4: 100 });
    // 0.9 is the lowest it comes to, and the toy is never so sure.
    expect(decaying.counters.statistics('early-exit').exits).toEqual({ 4: 100 });
    const lower = await run({ exitLayers: [2], exitThreshold: confidence * 1.05, exitDecay: 4 }, 101);
    const exits = lower.counters.statistics('early-exit').exits;
    expect(exits[2]).toBeGreaterThan(
      (await run({ exitLayers: [2], exitThreshold: confidence * 1.05 }, 101)).counters.statistics('early-exit').exits[2] ?? 0,
    );
  });

  test('exits beyond the last layer are passed over, and said', async () => {
    const strategy = createDecodingStrategy(
      resolveDecoding({ strategy: 'early-exit', exitLayers: [2, 8, 12] }, { layers: LAYERS }),
      LAYERS,
    );
    expect(strategy.lossy).toContain('after 2 layers above 0.9');
    expect(strategy.warnings.join()).toContain('8, 12');
    const none = await run({ exitLayers: [8, 12], exitThreshold: 0 });
    expect(none.answer).toEqual(ToyModel.chain(31));
  });
});
