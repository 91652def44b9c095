import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { BatchEntry } from '../../src/engine/decoder-runner.js';
import { findModel } from '../../src/catalogue/find-model.js';
import { Engine } from '../../src/engine/engine.js';
import type { EngineTask } from '../../src/engine/engine-task.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { collect, type Answer } from './support/collect.js';
import { longContextModel } from './support/tiny-models.js';

const CONTEXT = 4096;
const model = await longContextModel('tiny-llama-spm', CONTEXT);
const engine = await Engine.load({ model, threads: 1, context: CONTEXT, microBatch: 256 });

afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  engine[Symbol.dispose]();
});

function task(promptTokens: number, maxTokens: number, seed: number, sampling?: EngineTask['sampling']): Omit<EngineTask, 'isEnd'> {
  const tokens = pseudoRandomTokens(promptTokens, engine.shape.vocabulary, seed);
  return { prompt: [{ type: 'tokens', tokens }], maxTokens, ...(sampling && { sampling }) };
}

/** Counts the batches that hold tokens of several sequences. */
function countSharedBatches(of: Engine = engine): () => number {
  const decode = vi.spyOn(of.runner, 'decode');
  return () => decode.mock.calls.filter(([batch]) => batch.length > 1).length;
}

/** A prompt that fills the whole context leaves its first token only if every cell is free. */
async function expectAllCellsFree(): Promise<void> {
  const { tokens, result } = await collect(engine, task(CONTEXT, 1, 99));
  expect([tokens.length, result.finishReason]).toEqual([1, 'length']);
}

describe('several generations on one engine', () => {
  const sampled = { temperature: 1.2, topK: 0, topP: 1, minP: 0 };
  const tasks = [task(20, 40, 1), task(33, 40, 2, { ...sampled, seed: 7 }), task(5, 60, 3, { ...sampled, seed: 8, repeatPenalty: 1.3 })];

  test.each([2, 3])('%i at once give what each gives alone', async (count) => {
    const chosen = tasks.slice(0, count);
    const alone: Answer[] = [];
    for (const one of chosen) alone.push(await collect(engine, one));
    const shared = countSharedBatches();
    const together = await Promise.all(chosen.map((one) => collect(engine, one)));
    expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
    expect(new Set(alone.map(({ tokens }) => tokens.join(' '))).size).toBe(count);
    expect(shared()).toBeGreaterThan(30);
  });

  test('one that starts and one that ends leave the others as they were', async () => {
    const [long, short] = [task(10, 80, 4), task(10, 5, 5)];
    const alone = await collect(engine, long);
    const shortAlone = await collect(engine, short);
    const others: Promise<Answer>[] = [];
    const together = await collect(engine, long, undefined, (count) => {
      if (count % 20 === 1) others.push(collect(engine, short));
    });
    expect(together.tokens).toEqual(alone.tokens);
    for (const other of await Promise.all(others)) expect(other.tokens).toEqual(shortAlone.tokens);
    expect(others).toHaveLength(4);
    await expectAllCellsFree();
  });
});

describe('cancelling', () => {
  test('a long prompt is left in mid-graph; another generation does not notice', async () => {
    const survivor = task(15, 60, 6);
    const alone = await collect(engine, survivor);
    const { cache } = engine.runner;
    const commit = cache.commit.bind(cache);
    const abort = new AbortController();
    let longGraphs = 0;
    vi.spyOn(cache, 'commit').mockImplementation((plan) => {
      commit(plan);
      if (plan.tokens < 32) return;
      longGraphs++;
      // By the next turn the next of at least twelve graphs runs, or a step of the survivor.
      setImmediate(() => {
        abort.abort();
      });
    });
    const cancelled: Promise<Answer>[] = [];
    const together = await collect(engine, survivor, undefined, (count) => {
      if (count === 10) cancelled.push(collect(engine, task(3000, 5, 7), abort.signal));
    });
    for (const { tokens, result } of await Promise.all(cancelled)) {
      expect([tokens, result.finishReason, result.promptTokens, result.completionTokens]).toEqual([[], 'cancelled', 3000, 0]);
    }
    expect(cancelled).toHaveLength(1);
    expect(together.tokens).toEqual(alone.tokens);
    expect(longGraphs).toBeLessThan(12);
    await expectAllCellsFree();
  });

  test('a graph that was stopped leaves no trace in its sequence', async () => {
    using whole = await Engine.load({ model, threads: 1, context: 2048, microBatch: 2048 });
    const { runner, shape } = whole;
    const batch = (tokens: number): BatchEntry[] => [{ sequence: 5, tokens: pseudoRandomTokens(tokens, shape.vocabulary), logits: 'last' }];
    const [before] = await runner.decode(batch(30));
    runner.truncate(5, 0);
    const abort = new AbortController();
    const stopped = runner.decode(batch(2048), abort.signal);
    setImmediate(() => {
      abort.abort();
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(runner.cache.length(5)).toBe(0);
    expect(await runner.decode(batch(30))).toEqual([before]);
  });

  test('between tokens, before the start and while waiting: each ends with `cancelled` and frees its cells', async () => {
    const whole = await collect(engine, task(12, 30, 8));
    const abort = new AbortController();
    const partial = await collect(engine, task(12, 30, 8), abort.signal, (count) => {
      if (count === 7) abort.abort();
    });
    expect(partial.result).toMatchObject({ finishReason: 'cancelled', completionTokens: partial.tokens.length });
    expect(partial.tokens).toEqual(whole.tokens.slice(0, 7));

    const never = await collect(engine, task(12, 30, 8), AbortSignal.abort());
    expect([never.tokens, never.result.finishReason]).toEqual([[], 'cancelled']);

    const queued = new AbortController();
    const first = collect(engine, task(1000, 1, 9));
    const waiting = collect(engine, task(1000, 1, 10), queued.signal);
    queued.abort();
    expect((await waiting).result.finishReason).toBe('cancelled');
    expect((await first).result.finishReason).toBe('length');
    await expectAllCellsFree();
  });

  test('a reader that leaves frees the cells too', async () => {
    for await (const event of engine.generate({ ...task(40, 50, 11), isEnd: () => false })) if (event.type === 'token') break;
    await expectAllCellsFree();
  });
});

describe('a full context', () => {
  test('is refused to a generation that may come to need what another may, before it begins', async () => {
    using small = await Engine.load({ model, threads: 1, context: 64 });
    const fitting = task(40, 20, 12);
    const alone = await collect(small, fitting);
    const refused: Promise<unknown>[] = [];
    const together = await collect(small, fitting, undefined, (count) => {
      if (count === 3) refused.push(collect(small, task(3, 4, 13)).catch((error: unknown) => error));
    });
    expect(await Promise.all(refused)).toEqual([expect.objectContaining({ code: 'CONTEXT_FULL' })]);
    expect(together).toMatchObject({ tokens: alone.tokens, result: { finishReason: 'length' } });
    // What ended stands in nobody's way.
    expect((await collect(small, task(3, 4, 13))).tokens).toHaveLength(4);
  });

  test.each(['full', 'hadamard', 'gear', 'pyramidkv', 'pyramidkv+gear'] as const)(
    'is shared out among as many as may run: each fills its share (%s)',
    async (policy) => {
      const [sequences, each] = [3, 400];
      const files = await findModel({ model: 'shapes' });
      using shared = await Engine.load({ model: files.model, threads: 1, sequences, context: sequences * each, cache: { policy } });
      expect(shared.description.contextLength).toBe(each);
      // What is kept of these is to give way.
      for (const seed of [1, 2, 3]) await collect(shared, { ...task(200, 5, seed), reuse: true });
      const answers = await Promise.all([4, 5, 6].map((seed) => collect(shared, task(each - 60, 61, seed))));
      expect(answers.map(({ tokens }) => tokens.length)).toEqual([61, 61, 61]);
      await expect(collect(shared, task(each + 1, 1, 7))).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
    },
  );

  test('met in the middle of an answer ends it with the code and frees its cells', async () => {
    using small = await Engine.load({ model, threads: 1, context: 64 });
    const tokens: number[] = [];
    await expect(collect(small, task(50, 100, 14), undefined, (count) => tokens.push(count))).rejects.toMatchObject({
      code: 'CONTEXT_FULL',
    });
    // The last token is returned without being fed back.
    expect(tokens).toHaveLength(64 - 50 + 1);
    expect((await collect(small, task(64, 1, 15))).tokens).toHaveLength(1);
    await expect(collect(small, task(65, 1, 15))).rejects.toMatchObject({ code: 'CONTEXT_FULL' });
  });
});

test('a hundred decode steps run on one graph', async () => {
  // What is kept of the first would have the second attend to another part of the cache.
  using forgetful = await Engine.load({ model, threads: 1, context: CONTEXT, keptSequences: 0 });
  await collect(forgetful, task(17, 101, 16));
  expect(forgetful.runner.graphsBuilt).toBeLessThanOrEqual(2);
  await collect(forgetful, task(17, 101, 17));
  expect(forgetful.runner.graphsBuilt).toBeLessThanOrEqual(2);
});
