import type { Backend } from '../../../src/engine/ggml/backend.js';
import { CpuBackend } from '../../../src/engine/ggml/cpu-backend.js';
import { GraphAllocator } from '../../../src/engine/ggml/graph-allocator.js';
import { Graph } from '../../../src/engine/ggml/graph.js';
import type { KvCache, KvCacheGeometry, PromptEnd } from '../../../src/engine/kv-cache/kv-cache.js';
import { createKvCache, type KvCacheOptions } from '../../../src/engine/kv-cache/registry.js';

/** Queries, keys and values of tokens, each [tokens, heads, head size]. */
export interface Activations {
  readonly tokens: number;
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

/** A cache policy alone, given activations instead of a model. */
export class AttentionRig implements Disposable {
  readonly cache: KvCache;
  readonly #backend: Backend;

  constructor(
    readonly geometry: KvCacheGeometry,
    readonly heads: number,
    options: KvCacheOptions,
    backend: Backend = new CpuBackend({ threads: 1 }),
  ) {
    this.#backend = backend;
    this.cache = createKvCache(this.#backend, geometry, options);
  }

  /** Appends tokens to sequence 0, the same in every layer. @returns attention of every layer, [tokens, heads, head size] */
  async append({ tokens, q, k, v }: Activations, promptEnd?: PromptEnd): Promise<Float32Array[]> {
    const { layers, headSize, kvHeads } = this.geometry;
    const plan = this.cache.plan([{ sequence: 0, count: tokens, promptEnd }]);
    using graph = new Graph('attention', this.#backend, 64 + layers * (16 + plan.nodesPerLayer), [this.cache.resource]);
    const inputs = [
      graph.input('f32', [headSize, this.heads, tokens], 'q'),
      graph.input('f32', [headSize, kvHeads, tokens], 'k'),
      graph.input('f32', [headSize, kvHeads, tokens], 'v'),
    ] as const;
    const kv = this.cache.inputs(graph, plan);
    const scale = 1 / Math.sqrt(headSize);
    const outputs = Array.from({ length: layers }, (_, layer) => graph.output(this.cache.attend(graph, kv, layer, ...inputs, scale)));
    using allocator = new GraphAllocator(this.#backend);
    allocator.place(graph);
    [q, k, v].forEach((values, i) => {
      const input = inputs[i];
      if (input !== undefined) graph.set(input, values, values.byteLength);
    });
    this.cache.fill(graph, kv, plan);
    await this.#backend.compute(graph.pointer);
    this.cache.commit(plan, graph, kv);
    return outputs.map((output) => {
      const values = new Float32Array(output.elements);
      graph.get(output, values, 0, values.byteLength);
      return values;
    });
  }

  [Symbol.dispose](): void {
    this.cache.resource[Symbol.dispose]();
    this.#backend[Symbol.dispose]();
  }
}
