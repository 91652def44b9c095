import { EdgeVlmError } from '../../../core/errors.js';
import { float16ToFloat32 } from '../../../formats/float16.js';
import type { Backend } from '../../ggml/backend.js';
import type { Graph } from '../../ggml/graph.js';
import { Resource } from '../../ggml/resource.js';
import type { Tensor } from '../../ggml/tensor.js';
import { CellStore } from '../cells/cell-store.js';
import { CellTable } from '../cells/cell-table.js';
import { layOutTokens, type LaidOutTokens } from '../cells/lay-out-tokens.js';
import type { KvCacheGeometry, SequenceTokens } from '../kv-cache.js';
import type { ScoredAttention, SelectiveKvCache, TokenRange } from '../selective-kv-cache.js';
import { attendToGear } from './attend-to-gear.js';
import { ChunkStore } from './chunk-store.js';
import { ChunkTable } from './chunk-table.js';
import { gearCells } from './gear-bytes.js';
import { gearColumns, gearMask, SEEN_AFTER, type GearPast } from './gear-columns.js';
import { GEAR_GROUP, type GearOptions } from './gear-options.js';
import { chunkWindow, type GearKvInputs, type GearKvPlan } from './gear-plan.js';

/** Tokens of one plan: what comes later in a long prompt attends to chunks, and fewer cells must be kept for them. */
const MAX_BATCH = 2 * GEAR_GROUP;
/** A chunk is compressed so many tokens ahead: the largest batch that verifies guesses. Its own tokens are never among these. */
const BATCH_AHEAD = 32;
/** Scores, softmax and sum for cells and for chunks, low rank and outliers included. */
const NODES_PER_LAYER = 96;

/**
 * GEAR (arXiv 2403.05527): the newest tokens as f16, the older ones in chunks of 64: quantised, with a low-rank product for what that
 * loses and the farthest value of every group apart. Attention runs over the parts as they are; a query's scores for both kinds go
 * through one softmax.
 *
 * Which of the two a query sees depends on its position alone: a chunk that began `SEEN_AFTER` tokens before it as it is compressed, a
 * later one as it was. So guesses that are verified in a batch are answered as one by one would be, and what is taken back leaves no
 * trace. It takes both for a while: a chunk is compressed before the first query that will see it so, and its cells are freed when the
 * last query that saw those is settled. Only within a batch of more than `BATCH_AHEAD` tokens, a prompt, may a chunk come too late.
 */
export class GearKvCache extends Resource implements SelectiveKvCache<GearKvPlan, GearKvInputs> {
  readonly resource = this;
  readonly maxBatch: number;
  readonly #store: CellStore;
  readonly #table: CellTable;
  readonly #chunkStore: ChunkStore;
  readonly #chunks: ChunkTable;
  readonly #geometry: KvCacheGeometry;
  /** How many of a sequence's first tokens have no cell any more. */
  readonly #freed = new Map<number, number>();
  /** Sequences whose prompt was ended. */
  readonly #ended = new Set<number>();

  /**
   * @param whole whether a prompt is compressed only when `endPrompt` has said what of it to keep; takes a cell for every token
   * @throws USAGE where groups do not divide a head, OUT_OF_MEMORY
   */
  constructor(
    backend: Backend,
    geometry: KvCacheGeometry,
    options: Required<GearOptions>,
    private readonly whole = false,
  ) {
    super('GEAR cache', [backend]);
    const { streamCells, chunkCells } = gearCells(geometry, whole);
    this.#geometry = geometry;
    this.maxBatch = whole ? geometry.cells : Math.min(MAX_BATCH, streamCells);
    this.#chunkStore = this.owning(() => new ChunkStore(backend, { ...geometry, cells: chunkCells }, options));
    this.#store = this.owning(() => {
      try {
        return new CellStore(backend, { ...geometry, cells: streamCells }, 'f16');
      } catch (thrown) {
        this.#chunkStore[Symbol.dispose]();
        throw thrown;
      }
    });
    this.#table = new CellTable(streamCells);
    this.#chunks = new ChunkTable(chunkCells / GEAR_GROUP);
  }

  get bytes(): number {
    return this.#store.bytes + this.#chunkStore.bytes;
  }

  usedBytes(sequence?: number): number {
    const cells = sequence === undefined ? this.#table.used : this.#table.length(sequence);
    const chunks = sequence === undefined ? this.#chunks.used : this.#chunks.of(sequence).length;
    return cells * this.#store.cellBytes + chunks * this.#chunkStore.chunkBytes;
  }

  length(sequence: number): number {
    return this.#freedOf(sequence) + this.#table.length(sequence);
  }

  plan(batch: readonly SequenceTokens[]): GearKvPlan {
    const laidOut = layOutTokens(batch, (sequence) => this.length(sequence));
    const held = this.#chunks.used * GEAR_GROUP + this.#table.used - this.#heldTwice();
    const { cells: room } = this.#geometry;
    if (held + laidOut.tokens > room) {
      throw new EdgeVlmError('CONTEXT_FULL', `${laidOut.tokens} more tokens do not fit into a context of ${room}`);
    }
    return this.#planOver(laidOut, this.#table.find(laidOut.sequences));
  }

  commit(plan: GearKvPlan): void {
    const before = new Map([...new Set(plan.sequences)].map((sequence) => [sequence, this.length(sequence)]));
    for (let token = 0; token < plan.tokens; token++) this.#table.append(plan.sequences[token] ?? 0, plan.cells[token] ?? 0);
    for (const [sequence, settled] of before) {
      if (!this.whole || this.#ended.has(sequence)) this.#compress(sequence, settled);
    }
  }

  revisit(sequence: number, from: number): GearKvPlan {
    const freed = this.#freedOf(sequence);
    if (from < freed) throw new EdgeVlmError('INTERNAL', `token ${from} is compressed`);
    const cells = Int32Array.from(this.#table.of(sequence).slice(from - freed));
    const laidOut = {
      tokens: cells.length,
      positions: Int32Array.from(cells, (_, i) => from + i),
      sequences: new Int32Array(cells.length).fill(sequence),
    };
    return this.#planOver(laidOut, cells);
  }

  truncate(sequence: number, length: number): void {
    const freed = this.#freedOf(sequence);
    this.#table.truncate(sequence, Math.max(length - freed, 0));
    // A chunk whose tokens still have cells is made again when it is whole again; of the others the first tokens stay.
    const whole =
      this.#chunks
        .of(sequence)
        .filter(({ end }) => end <= length)
        .at(-1)?.end ?? 0;
    if (length < this.#chunks.length(sequence)) this.#chunks.truncate(sequence, Math.max(whole, Math.min(freed, length)));
    if (length < freed) this.#freed.set(sequence, length);
    if (length > 0) return;
    this.#freed.delete(sequence);
    this.#ended.delete(sequence);
  }

  share(from: number, to: number, length: number): number {
    if (this.length(to) > 0) throw new EdgeVlmError('INTERNAL', `sequence ${to} is not empty`);
    const freed = this.#freedOf(from);
    const chunks = this.#chunks.share(from, to, length);
    this.#freed.set(to, Math.min(chunks, freed));
    return chunks < freed ? chunks : freed + this.#table.share(from, to, length - freed);
  }

  inputs(graph: Graph, { tokens, start, window, chunks }: GearKvPlan): GearKvInputs {
    return {
      cells: graph.input('i64', [tokens], 'kv_cells'),
      mask: graph.input('f16', [chunks.count * GEAR_GROUP + window, tokens], 'kv_mask'),
      start,
      window,
      chunks,
      chunkInputs: chunks.count === 0 ? null : this.#chunkStore.inputs(graph, chunks),
    };
  }

  fill(graph: Graph, { cells, mask, chunkInputs }: GearKvInputs, plan: GearKvPlan): void {
    const rows = BigInt64Array.from(plan.cells, BigInt);
    graph.set(cells, rows, rows.byteLength);
    if (chunkInputs !== null) this.#chunkStore.fill(graph, chunkInputs);
    const past = (sequence: number): GearPast => ({ cells: this.#cellsOf(sequence), chunks: this.#chunks.of(sequence) });
    const bits = gearMask(plan, mask.shape[0], past, this.#geometry.slidingWindow);
    graph.set(mask, bits, bits.byteLength);
  }

  store(graph: Graph, { cells }: GearKvInputs, layer: number, k: Tensor, v: Tensor): void {
    this.#store.write(graph, layer, k, v, cells);
  }

  attend(graph: Graph, inputs: GearKvInputs, layer: number, q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor {
    return this.attendScored(graph, inputs, layer, q, k, v, scale, []).attended;
  }

  attendScored(
    graph: Graph,
    inputs: GearKvInputs,
    layer: number,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: number,
    queries: readonly TokenRange[],
  ): ScoredAttention {
    this.store(graph, inputs, layer, k, v);
    const stores = { cells: this.#store, chunks: this.#chunkStore, geometry: this.#geometry };
    return attendToGear(graph, stores, inputs, layer, q, scale, queries);
  }

  columns(plan: GearKvPlan, sequence: number): readonly number[] {
    return gearColumns(plan, this.#chunks.of(sequence), this.#cellsOf(sequence), this.length(sequence));
  }

  endPrompt(sequence: number, keep: readonly Int32Array[] | null): void {
    if (keep !== null) {
      if (this.#chunks.length(sequence) > 0 || !this.#table.ownsAlone(sequence)) {
        throw new EdgeVlmError('INTERNAL', `sequence ${sequence} cannot lose tokens: some are compressed or shared`);
      }
      this.#store.compact(this.#table.of(sequence), keep);
      this.#table.truncate(sequence, keep[0]?.length ?? 0);
    }
    this.#ended.add(sequence);
    this.#compress(sequence, this.length(sequence));
  }

  protected release(): void {
    this.#store[Symbol.dispose]();
    this.#chunkStore[Symbol.dispose]();
  }

  #planOver(laidOut: LaidOutTokens, cells: Int32Array): GearKvPlan {
    const sequences = new Set(laidOut.sequences);
    const { start, window } = this.#table.window(cells, sequences);
    const used = [...sequences].flatMap((sequence) => this.#chunks.of(sequence).map(({ chunk }) => chunk));
    const chunks = chunkWindow(used, this.#chunkStore.chunks);
    const graphKey = `${laidOut.tokens}x${start}+${window}/${chunks.start}+${chunks.count}`;
    return { ...laidOut, cells, start, window, chunks, graphKey, nodesPerLayer: NODES_PER_LAYER };
  }

  /** Compresses what queries will soon see so, and frees cells that none from position `settled` on sees. */
  #compress(sequence: number, settled: number): void {
    const length = this.length(sequence);
    for (;;) {
      const start = this.#chunks.length(sequence);
      if (length - start <= SEEN_AFTER - BATCH_AHEAD || this.#chunks.used === this.#chunkStore.chunks) break;
      const first = start - this.#freedOf(sequence);
      const cells = this.#table.of(sequence).slice(first, first + GEAR_GROUP);
      const chunk = this.#chunks.append(sequence);
      for (let layer = 0; layer < this.#geometry.layers; layer++) {
        const { keys, values } = this.#store.layer(layer);
        this.#chunkStore.write(layer, chunk, this.#read(keys, cells), this.#read(values, cells));
      }
    }
    for (const { start, end, tokens } of this.#chunks.of(sequence)) {
      if (start < this.#freedOf(sequence) || start + SEEN_AFTER > settled) continue;
      this.#table.dropFirst(sequence, tokens);
      this.#freed.set(sequence, end);
    }
  }

  #freedOf(sequence: number): number {
    return this.#freed.get(sequence) ?? 0;
  }

  /** Tokens that have a cell and a place in a chunk. */
  #heldTwice(): number {
    return [...this.#chunks.sequences()].reduce((sum, sequence) => sum + this.#chunks.length(sequence) - this.#freedOf(sequence), 0);
  }

  /** A sequence's cells by position; none where they were freed. */
  #cellsOf(sequence: number): (number | undefined)[] {
    return [...new Array<undefined>(this.#freedOf(sequence)), ...this.#table.of(sequence)];
  }

  /** [cells, kv heads, head size]. */
  #read(stored: Tensor, cells: readonly number[]): Float32Array {
    const { buffer, byteOffset, byteLength } = this.#store.memory(stored);
    const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
    const [row] = stored.shape;
    const values = new Float32Array(row * cells.length);
    cells.forEach((cell, i) => {
      for (let j = 0; j < row; j++) values[i * row + j] = float16ToFloat32(halves[cell * row + j] ?? 0);
    });
    return values;
  }
}
