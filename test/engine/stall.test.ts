import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import type { ImageTile } from '../../src/core/image.js';
import type { BatchEntry } from '../../src/engine/decoder-runner.js';
import { Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/engine-options.js';
import { PromptInPieces } from '../../src/engine/prompt-in-pieces.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { collect, type Answer } from './support/collect.js';
import { relativeError } from './support/compare.js';
import { longContextModel } from './support/tiny-models.js';

const shapes = await Engine.load({ ...(await findModel({ model: 'shapes' })), threads: 1 });
const model = await longContextModel('tiny-llama-spm', 2048);
const TOLERANCE = 1e-5;

afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  shapes[Symbol.dispose]();
});

function tile(seed: number): ImageTile {
  const side = shapes.encoder?.family.tower.shape.imageSize ?? 0;
  return { width: side, height: side, rgb: Uint8Array.from(pseudoRandomTokens(3 * side * side, 256, seed)) };
}

function words(engine: Engine, count: number, seed: number): { type: 'tokens'; tokens: Int32Array } {
  return { type: 'tokens', tokens: pseudoRandomTokens(count, engine.shape.vocabulary, seed) };
}

/** What the backend was given, in order: the sequences of a step, or a slice of other work. */
type Turns = (readonly number[] | 'slice')[];

function recordTurns(engine: Engine): Turns {
  const turns: Turns = [];
  const { runner } = engine;
  const decode = runner.decode.bind(runner);
  vi.spyOn(runner, 'decode').mockImplementation((batch, signal) => {
    const isPiece = batch.some(({ tokens }) => tokens.length >= 32);
    turns.push(isPiece ? 'slice' : batch.map(({ sequence }) => sequence));
    return decode(batch, signal);
  });
  const { encoder } = engine;
  if (encoder === null) return turns;
  const begin = encoder.begin.bind(encoder);
  vi.spyOn(encoder, 'begin').mockImplementation((picture) => {
    const encoding = begin(picture);
    return {
      next: (target_ms, signal) => {
        turns.push('slice');
        return encoding.next(target_ms, signal);
      },
    };
  });
  return turns;
}

/** Two streams, and what they are while `begin` adds something in their midst. */
async function streamBeside(engine: Engine, begin: () => Promise<Answer>): Promise<{ streams: Answer[]; added: Answer }> {
  const tasks = [1, 2].map((seed) => ({ prompt: [words(engine, 8, seed)], maxTokens: 300 }));
  let added: Promise<Answer> | undefined;
  const streams = await Promise.all(
    tasks.map((task) =>
      collect(engine, task, undefined, (count) => {
        if (count === 3) added ??= begin();
      }),
    ),
  );
  if (added === undefined) throw new Error('nothing was added');
  return { streams, added: await added };
}

/** Between any two slices, each of the streams had one step. */
function expectStepsBetweenSlices(turns: Turns): void {
  const [first, last] = [turns.indexOf('slice'), turns.lastIndexOf('slice')];
  const between = turns.slice(first, last);
  expect(between.filter((turn) => turn === 'slice').length).toBeGreaterThan(3);
  const streams = turns.find((turn) => turn !== 'slice' && turn.length === 2);
  between.forEach((turn, i) => {
    expect(turn).toEqual(i % 2 === 0 ? 'slice' : streams);
  });
}

describe('while others stream', () => {
  test('a picture is encoded in slices, each stream has its step between two', async () => {
    const image = { prompt: [{ type: 'tile', tile: tile(1) } as const, words(shapes, 4, 3)], maxTokens: 5, reuse: false };
    const turns = recordTurns(shapes);
    // No part of the tower has run yet, so none is known to be short: each is a slice.
    const beside = await streamBeside(shapes, () => collect(shapes, image));
    expectStepsBetweenSlices(turns.slice(0, turns.lastIndexOf('slice')));
    expect(beside.streams.map(({ tokens }) => tokens.length)).toEqual([300, 300]);
    expect(beside.added.tokens).toHaveLength(5);
  });

  test('a prompt comes in pieces that its micro-batch is longer than, each stream has its step between two', async () => {
    using engine = await Engine.load({ model, threads: 1, microBatch: 1024 });
    const long = { prompt: [words(engine, 1000, 4)], maxTokens: 5, reuse: false };
    const pace = vi.spyOn(engine.runner, 'promptPace', 'get').mockReturnValue(64 / 150);
    const turns = recordTurns(engine);
    await streamBeside(engine, () => collect(engine, long));
    expectStepsBetweenSlices(turns);
    expect(turns.filter((turn) => turn === 'slice')).toHaveLength(Math.ceil(1000 / 64));
    // Alone it is not cut at all.
    pace.mockRestore();
    turns.length = 0;
    await collect(engine, long);
    expect(turns.filter((turn) => turn === 'slice')).toHaveLength(1);
  });

  test('a picture is read before the next one is encoded', async () => {
    const { encoder } = shapes;
    if (encoder === null) throw new Error('no encoder');
    const begun = vi.spyOn(encoder, 'begin');
    const known: number[] = [];
    const tasks = [11, 12, 13].map((seed) => ({
      prompt: [{ type: 'tile', tile: tile(seed) } as const, words(shapes, 40, seed)],
      ...{ maxTokens: 3, reuse: false },
    }));
    await Promise.all(
      tasks.map((task) =>
        collect(shapes, task, undefined, (count) => {
          if (count === 1) known.push(begun.mock.calls.length);
        }),
      ),
    );
    expect(known).toEqual([1, 2, 3]);
  });

  test('one that is cancelled in mid-picture leaves the encoder as it was', async () => {
    const { encoder } = shapes;
    if (encoder === null) throw new Error('no encoder');
    const whole = await encoder.encode(tile(2));
    const abort = new AbortController();
    const cancelled = collect(shapes, { prompt: [{ type: 'tile', tile: tile(3) }], maxTokens: 5 }, abort.signal);
    const kept = collect(shapes, { prompt: [{ type: 'tile', tile: tile(2) }], maxTokens: 5 });
    setImmediate(() => {
      abort.abort();
    });
    expect((await cancelled).result.finishReason).toBe('cancelled');
    expect((await kept).tokens).toHaveLength(5);
    expect(await encoder.encode(tile(2))).toEqual(whole);
  });
});

describe('slices of a picture', () => {
  test.each([0, 0.2, Infinity])('of %d ms make the whole, bit by bit, whatever runs between them', async (target_ms) => {
    const { encoder, runner } = shapes;
    if (encoder === null) throw new Error('no encoder');
    const whole = await encoder.encode(tile(5));
    for (let run = 0; run < 2; run++) {
      const encoding = encoder.begin(tile(5));
      let tokens: Float32Array | undefined;
      let slices = 0;
      for (; tokens === undefined; slices++) {
        tokens = await encoding.next(target_ms);
        await runner.decode([{ sequence: 1e6, tokens: Int32Array.of(slices % 50), logits: 'last' }]);
      }
      runner.truncate(1e6, 0);
      expect(tokens).toEqual(whole);
      // Where its parts are known, so is how many fit.
      if (run === 1 && target_ms === Infinity) expect(slices).toBe(1);
      if (target_ms === 0) expect(slices).toBeGreaterThan(50);
    }
  });
});

describe('pieces of a prompt', () => {
  const policies: NonNullable<EngineOptions['cache']>[] = [
    { policy: 'full', type: 'f32' },
    { policy: 'pyramidkv', type: 'f32', pyramid: { budget: 0.5, window: 48 } },
  ];
  test.each(policies)('give the logits of the whole: $policy', async (cache) => {
    using engine = await Engine.load({ model, threads: 1, microBatch: 512, cache });
    const { runner } = engine;
    const { tokens } = words(engine, 300, 6);
    // A picture that pieces cut.
    const values = Float32Array.from(pseudoRandomTokens(90 * runner.embedding, 1000, 7), (value) => value / 500 - 1);
    const entry = (sequence: number): BatchEntry => ({
      ...{ sequence, tokens, embeddings: [{ at: 20, values }], logits: 'last', promptEnd: { textTokens: 190 } },
    });
    const [whole = new Float32Array()] = await runner.decode([entry(1)]);
    vi.spyOn(runner, 'promptPace', 'get').mockReturnValue(32 / 150);
    const decode = vi.spyOn(runner, 'decode');
    const pieces = new PromptInPieces(runner, entry(2));
    let logits: Float32Array | undefined;
    while (logits === undefined) logits = await pieces.next(true);
    expect(relativeError(logits, whole)).toBeLessThanOrEqual(TOLERANCE);
    const lengths = decode.mock.calls.map(([[entry]]) => entry?.tokens.length ?? 0);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(300);
    expect(lengths.at(-1)).toBeGreaterThanOrEqual(Math.min(runner.cache.promptWindow ?? 1, 300));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(64);
  });
});
