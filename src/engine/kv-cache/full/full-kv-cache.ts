import { EdgeVlmError } from '../../../core/errors.js';
import type { Backend } from '../../ggml/backend.js';
import type { Graph } from '../../ggml/graph.js';
import { Resource } from '../../ggml/resource.js';
import type { Tensor } from '../../ggml/tensor.js';
import { causalMask } from '../cells/causal-mask.js';
import { CellCopies } from '../cells/cell-copies.js';
import { CellStore } from '../cells/cell-store.js';
import { CellTable } from '../cells/cell-table.js';
import { layOutTokens } from '../cells/lay-out-tokens.js';
import type { KvCacheGeometry, KvPlan, SequenceTokens } from '../kv-cache.js';
import type { ScoredAttention, SelectiveKvCache, TokenRange } from '../selective-kv-cache.js';

/**
 * How values are stored: the types that ggml's processor kernels write and attend to. f16 is what llama.cpp stores by default; f32 is for
 * comparing with f32 references; the others quantise blocks of 32 values of a head and are lossy.
 */
export const FULL_KV_CACHE_TYPES = ['f32', 'f16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'] as const;
export type FullKvCacheType = (typeof FULL_KV_CACHE_TYPES)[number];

/** Attention takes 10 nodes. */
const NODES_PER_LAYER = 16;

interface FullKvPlan extends KvPlan {
  /** Cell of every token. */
  readonly cells: Int32Array;
  /** Sequence of every token. */
  readonly sequences: Int32Array;
  /** First cell that attention runs over, and how many. */
  readonly start: number;
  readonly window: number;
}

type FullKvInputs = Readonly<Record<'cells' | 'mask', Tensor> & Record<'start', number>>;

/** Every key and value, as it is or quantised. Sequences share one pool of cells, and the cells of a common past; a mask keeps the rest apart. */
export class FullKvCache extends Resource implements SelectiveKvCache<FullKvPlan, FullKvInputs> {
  readonly resource = this;
  readonly forgetsExactly = true;
  readonly copies: CellCopies;
  readonly #store: CellStore;
  readonly #table: CellTable;

  /** @throws USAGE where the type's blocks do not divide a head, OUT_OF_MEMORY */
  constructor(
    backend: Backend,
    private readonly geometry: KvCacheGeometry,
    type: FullKvCacheType,
  ) {
    super('KV cache', [backend]);
    this.#store = this.owning(() => new CellStore(backend, geometry, type));
    this.#table = new CellTable(geometry.cells);
    this.copies = new CellCopies(this.#store, this.#table);
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  usedBytes(sequence?: number): number {
    return this.#store.cellBytes * (sequence === undefined ? this.#table.used : this.#table.length(sequence));
  }

  length(sequence: number): number {
    return this.#table.length(sequence);
  }

  expect(sequence: number, tokens: number): void {
    this.#table.expect(sequence, tokens);
  }

  reach(from: number, shared: number, tokens: number): number {
    return this.#table.reach(from, shared, tokens);
  }

  plan(batch: readonly SequenceTokens[]): FullKvPlan {
    const laidOut = layOutTokens(batch, (sequence) => this.length(sequence));
    const cells = this.#table.find(laidOut.sequences);
    const { start, window } = this.#table.window(cells, new Set(laidOut.sequences));
    return { ...laidOut, cells, start, window, graphKey: `${laidOut.tokens}x${start}+${window}`, nodesPerLayer: NODES_PER_LAYER };
  }

  commit(plan: FullKvPlan): void {
    for (let token = 0; token < plan.tokens; token++) this.#table.append(plan.sequences[token] ?? 0, plan.cells[token] ?? 0);
  }

  revisit(sequence: number, from: number): FullKvPlan {
    const cells = Int32Array.from(this.#table.of(sequence).slice(from));
    const tokens = cells.length;
    const { start, window } = this.#table.window(cells, [sequence]);
    return {
      tokens,
      cells,
      positions: Int32Array.from(cells, (_, i) => from + i),
      sequences: new Int32Array(tokens).fill(sequence),
      start,
      window,
      graphKey: `${tokens}x${start}+${window}`,
      nodesPerLayer: NODES_PER_LAYER,
    };
  }

  truncate(sequence: number, length: number): void {
    this.#table.truncate(sequence, length);
  }

  share(from: number, to: number, length: number): number {
    return this.#table.share(from, to, length);
  }

  inputs(graph: Graph, plan: FullKvPlan): FullKvInputs {
    return {
      cells: graph.input('i64', [plan.tokens], 'kv_cells'),
      mask: graph.input('f16', [plan.window, plan.tokens], 'kv_mask'),
      start: plan.start,
    };
  }

  fill(graph: Graph, { cells, mask }: FullKvInputs, plan: FullKvPlan): void {
    const rows = BigInt64Array.from(plan.cells, BigInt);
    graph.set(cells, rows, rows.byteLength);
    const { start, window } = plan;
    const column = (cell: number): number => cell - start;
    const past = (sequence: number, position: number): number[] => this.#table.of(sequence).slice(0, position).map(column);
    const bits = causalMask(plan, window, plan.cells.map(column), past, this.geometry.slidingWindow);
    graph.set(mask, bits, bits.byteLength);
  }

  store(graph: Graph, { cells }: FullKvInputs, layer: number, k: Tensor, v: Tensor): void {
    this.#store.write(graph, layer, k, v, cells);
  }

  attend(graph: Graph, inputs: FullKvInputs, layer: number, q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor {
    return this.attendScored(graph, inputs, layer, q, k, v, scale, []).attended;
  }

  /**
   * ggml's flash attention, for any number of tokens. Composed of two matrix products and a softmax it computes for fewer than 64
   * tokens in half the processor time, but every product waits for all threads several times: with two threads, heads of 64 values and
   * up to 1024 cells it was 3 to 18% slower (Zen 5).
   */
  attendScored(
    graph: Graph,
    inputs: FullKvInputs,
    layer: number,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: number,
    queries: readonly TokenRange[],
  ): ScoredAttention {
    this.store(graph, inputs, layer, k, v);
    const { mask, start } = inputs;
    const { headSize } = this.geometry;
    const [, heads, tokens] = q.shape;
    const [window] = mask.shape;
    const stored = this.#store.layer(layer);
    const keys = this.#store.window(graph, stored.keys, start, window);
    const values = this.#store.window(graph, stored.values, start, window);
    const attention = graph.flashAttention(graph.swapRowsAndPlanes(q), keys, values, mask, scale);
    const scores = queries.map(({ from, count }) => {
      const [, headStride, tokenStride] = q.strides;
      const asked = graph.view(q, [headSize, count, heads], tokenStride, headStride, from * tokenStride);
      const rows = graph.view(mask, [window, count, 1], mask.strides[1], mask.strides[2], from * mask.strides[1]);
      const attended = graph.softMax(graph.mulMat(keys, asked), rows, scale);
      return graph.reshape(graph.mean(graph.contiguous(graph.transpose(attended))), [window, heads]);
    });
    return { attended: graph.reshape(attention, [headSize * heads, tokens]), scores };
  }

  columns(plan: FullKvPlan, sequence: number): readonly number[] {
    return this.#table.of(sequence).map((cell) => cell - plan.start);
  }

  endPrompt(sequence: number, keep: readonly Int32Array[] | null): void {
    if (keep === null) return;
    if (!this.#table.ownsAlone(sequence)) throw new EdgeVlmError('INTERNAL', `sequence ${sequence} shares what it should lose`);
    this.#store.compact(this.#table.of(sequence), keep);
    this.#table.truncate(sequence, keep[0]?.length ?? 0);
  }

  protected release(): void {
    this.#store[Symbol.dispose]();
  }
}
