import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { CpuBackend } from '../../src/engine/ggml/cpu-backend.js';
import { GraphAllocator } from '../../src/engine/ggml/graph-allocator.js';
import { Graph } from '../../src/engine/ggml/graph.js';
import { TensorContext } from '../../src/engine/ggml/tensor-context.js';
import { pseudoRandomTokens } from '../../src/runtimes/pseudo-random-tokens.js';
import { collect } from './support/collect.js';
import { tinyModel } from './support/tiny-models.js';

const { model } = await tinyModel('tiny-llama-spm');
const DISPOSED: unknown = expect.objectContaining({ code: 'ENGINE_DISPOSED' });
const dispose = (resource: Disposable) => (): void => {
  resource[Symbol.dispose]();
};

describe('native memory', () => {
  test('is not freed under what stands on it, nor used after it', () => {
    const backend = new CpuBackend({ threads: 1 });
    const context = new TensorContext('headers', backend, 2);
    const weight = context.create('f32', [4, 3]);
    const graph = new Graph('a graph', backend, 8, [context]);
    expect(dispose(backend)).toThrow(DISPOSED);
    expect(dispose(context)).toThrow(DISPOSED);
    graph.mulMat(weight, graph.input('f32', [4, 1], 'x'));
    graph[Symbol.dispose]();
    context[Symbol.dispose]();
    expect(() => weight.pointer).toThrow(DISPOSED);
    expect(() => context.create('f32', [1])).toThrow(DISPOSED);
    backend[Symbol.dispose]();
    expect(() => new GraphAllocator(backend)).toThrow(DISPOSED);
  });

  test('a mistake in a graph is an error before ggml could abort on it', () => {
    using backend = new CpuBackend({ threads: 1 });
    using graph = new Graph('a graph', backend, 16, []);
    const [a, b, ids] = [graph.input('f32', [4, 3], 'a'), graph.input('f32', [5, 3], 'b'), graph.input('f32', [3], 'ids')];
    for (const mistake of [
      () => graph.mulMat(a, b),
      () => graph.add(a, b),
      () => graph.getRows(a, ids),
      () => graph.setRows(a, b, ids),
      () => graph.reshape(a, [5, 5]),
      () => graph.view(a, [4, 4, 1], 16, 48, 0),
      () => graph.swiglu(a, b),
    ]) {
      expect(mistake).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    }
  });
});

describe('an engine', () => {
  const task = { prompt: [{ type: 'tokens', tokens: Int32Array.of(1, 2, 3) } as const], maxTokens: 20 };

  test('is not freed under a running graph', async () => {
    const engine = await Engine.load({ model, threads: 1, context: 1024, microBatch: 1024 });
    const long = { prompt: [{ type: 'tokens', tokens: pseudoRandomTokens(500, engine.shape.vocabulary) } as const], maxTokens: 2 };
    const generation = collect(engine, long);
    await new Promise((resolve) => setImmediate(resolve));
    expect(dispose(engine)).toThrow(DISPOSED);
    expect((await generation).tokens).toHaveLength(2);
    engine[Symbol.dispose]();
  });

  test('refuses work once it is freed, also in the middle of an answer', async () => {
    const engine = await Engine.load({ model, threads: 1, context: 64 });
    const answer = engine.generate({ ...task, isEnd: () => false });
    expect((await answer.next()).value).toMatchObject({ type: 'token' });
    engine[Symbol.dispose]();
    engine[Symbol.dispose]();
    await expect(answer.next()).rejects.toEqual(DISPOSED);
    await expect(collect(engine, task)).rejects.toEqual(DISPOSED);
    await expect(engine.runner.decode([{ sequence: 0, tokens: Int32Array.of(1), logits: 'last' }])).rejects.toEqual(DISPOSED);
  });

  test('takes no token or embedding that its model does not have', async () => {
    using engine = await Engine.load({ model, threads: 1, context: 64 });
    const { runner, shape } = engine;
    for (const bad of [
      { tokens: Int32Array.of() },
      { tokens: Int32Array.of(-1) },
      { tokens: Int32Array.of(1, shape.vocabulary) },
      { tokens: Int32Array.of(1), embeddings: [{ at: 0, values: new Float32Array(shape.embedding - 1) }] },
      { tokens: Int32Array.of(1), embeddings: [{ at: 1, values: new Float32Array(shape.embedding) }] },
      { tokens: Int32Array.of(1), embeddings: [{ at: -1, values: new Float32Array(shape.embedding) }] },
    ]) {
      await expect(runner.decode([{ sequence: 0, logits: 'last', ...bad }])).rejects.toMatchObject({ code: 'BATCH_INVALID' });
    }
    expect(runner.cache.length(0)).toBe(0);
  });

  test('stops loading when it is told to', async () => {
    await expect(Engine.load({ model, threads: 1, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
