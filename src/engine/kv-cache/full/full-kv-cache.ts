import { EdgeVlmError } from '../../../core/errors.js';
import { Buffer } from '../../ggml/buffer.js';
import type { CpuBackend } from '../../ggml/cpu-backend.js';
import type { Graph } from '../../ggml/graph.js';
import { Resource } from '../../ggml/resource.js';
import { Tensor } from '../../ggml/tensor.js';
import { TensorContext } from '../../ggml/tensor-context.js';
import type { KvCache, KvCacheGeometry, KvInputs, KvPlan, SequenceTokens } from '../kv-cache.js';

/** How values are stored. f16 is what llama.cpp stores; f32 is for comparing with f32 references. */
export type FullKvCacheType = 'f16' | 'f32';

export interface FullKvCacheOptions {
  /** Element type. Default f16. */
  readonly type?: FullKvCacheType;
  /**
   * `fused` is always ggml's flash attention, and with it the rounding of `llama.cpp -fa on`: for few tokens it sums f16 values in
   * f16. `auto` composes attention where that is faster, and sums in f32. Default `auto`.
   */
  readonly attention?: 'auto' | 'fused';
}

/** Attention runs over a window of the cache rounded up to this many cells, so that one graph serves many steps. */
const WINDOW_CELLS = 256;
/**
 * ggml's fused attention computes whole tiles of this many tokens (`ggml_fa_tile_config`). For fewer it goes cell by cell and head by
 * head, and composed of two matrix products and a softmax attention takes 0.4 to 0.8 of the time; for more it takes twice as long.
 * Measured on Zen 5, heads of 64 and 128 values, 256 to 4096 cells.
 */
const FUSED_TOKENS = 64;
/** f16 bit patterns of the mask: 0 lets a query see a cell, -∞ hides it. */
const VISIBLE = 0;
const HIDDEN = 0xfc00;

interface FullKvPlan extends KvPlan {
  /** Cell of every token. */
  readonly cells: Int32Array;
  /** Sequence of every token. */
  readonly sequences: Int32Array;
  /** First cell that attention runs over, and how many. */
  readonly start: number;
  readonly window: number;
}

/**
 * Values in rows of one cell each, or of one channel each. The second is what a matrix product with the attention weights reads;
 * writing and turning it back for fused attention costs time by the number of KV heads, so it is for heads that share them.
 */
type ValueLayout = 'cells' | 'channels';

/** Every key and value, uncompressed. Sequences share one pool of cells, and the cells of a common past; a mask keeps the rest apart. */
export class FullKvCache extends Resource implements KvCache<FullKvPlan> {
  readonly resource = this;
  readonly bytes: number;
  readonly #context: TensorContext;
  readonly #buffer: Buffer;
  readonly #valueLayout: ValueLayout;
  readonly #layers: readonly { readonly keys: Tensor; readonly values: Tensor }[];
  /** How many sequences use each cell. */
  readonly #uses: Uint32Array;
  /** Cells of every sequence, by position. */
  readonly #cells = new Map<number, number[]>();

  /** @throws OUT_OF_MEMORY */
  constructor(
    backend: CpuBackend,
    private readonly geometry: KvCacheGeometry,
    { type = 'f16', attention = 'auto' }: FullKvCacheOptions,
  ) {
    super('KV cache', [backend]);
    const { layers, heads, kvHeads, headSize, cells } = geometry;
    this.#valueLayout = attention === 'auto' && heads > kvHeads ? 'channels' : 'cells';
    const row = kvHeads * headSize;
    this.#context = new TensorContext('KV cache headers', backend, 2 * layers);
    this.#layers = Array.from({ length: layers }, (_, layer) => ({
      keys: this.#context.create(type, [row, cells], `cache_k.${layer}`),
      values: this.#context.create(type, this.#valueLayout === 'channels' ? [cells, row] : [row, cells], `cache_v.${layer}`),
    }));
    this.#buffer = new Buffer(
      'KV cache',
      this.#context,
      backend.defaultBufferType,
      this.#layers.flatMap(({ keys, values }) => [keys, values]),
    );
    // Unused cells take part in the matrix product before the mask hides them; a stray NaN would not stay hidden.
    this.#buffer.clear();
    this.bytes = this.#buffer.bytes;
    this.#uses = new Uint32Array(cells);
  }

  length(sequence: number): number {
    return this.#cellsOf(sequence).length;
  }

  plan(batch: readonly SequenceTokens[]): FullKvPlan {
    const tokens = batch.reduce((sum, { count }) => sum + count, 0);
    const cells = new Int32Array(tokens);
    const positions = new Int32Array(tokens);
    const sequences = new Int32Array(tokens);
    const planned = new Map<number, number>();
    let token = 0;
    let cell = 0;
    for (const { sequence, count } of batch) {
      const start = planned.get(sequence) ?? this.length(sequence);
      planned.set(sequence, start + count);
      for (let i = 0; i < count; i++, token++, cell++) {
        while (cell < this.#uses.length && this.#uses[cell] !== 0) cell++;
        if (cell >= this.#uses.length) {
          throw new EdgeVlmError('CONTEXT_FULL', `${tokens} more tokens do not fit into a context of ${this.geometry.cells}`);
        }
        cells[token] = cell;
        positions[token] = start + i;
        sequences[token] = sequence;
      }
    }
    const { start, window } = this.#window(cells, planned.keys());
    return { tokens, cells, positions, sequences, start, window, graphKey: `${tokens}x${start}+${window}` };
  }

  commit(plan: FullKvPlan): void {
    for (let token = 0; token < plan.tokens; token++) {
      const cell = plan.cells[token] ?? 0;
      const sequence = plan.sequences[token] ?? 0;
      const owned = this.#cells.get(sequence);
      if (owned === undefined) this.#cells.set(sequence, [cell]);
      else owned.push(cell);
      this.#uses[cell] = 1;
    }
  }

  truncate(sequence: number, length: number): void {
    const owned = this.#cells.get(sequence);
    if (owned === undefined) return;
    for (const cell of owned.splice(length)) this.#uses[cell] = (this.#uses[cell] ?? 1) - 1;
    if (owned.length === 0) this.#cells.delete(sequence);
  }

  share(from: number, to: number, length: number): number {
    if (this.length(to) > 0) throw new EdgeVlmError('INTERNAL', `sequence ${to} is not empty`);
    const shared = this.#cellsOf(from).slice(0, length);
    if (shared.length > 0) this.#cells.set(to, shared);
    for (const cell of shared) this.#uses[cell] = (this.#uses[cell] ?? 0) + 1;
    return shared.length;
  }

  inputs(graph: Graph, plan: FullKvPlan): KvInputs {
    const { kvHeads, headSize } = this.geometry;
    return {
      cells: graph.input('i64', [plan.tokens], 'kv_cells'),
      mask: graph.input('f16', [plan.window, this.#maskRows(plan)], 'kv_mask'),
      start: plan.start,
      ...(this.#valueLayout === 'channels' && { elements: graph.input('i64', [plan.tokens * kvHeads * headSize], 'kv_elements') }),
    };
  }

  fill(graph: Graph, inputs: KvInputs, plan: FullKvPlan): void {
    const { cells, mask, elements } = ownInputs(inputs);
    const rows = BigInt64Array.from(plan.cells, BigInt);
    graph.set(cells, rows, rows.byteLength);
    const bits = this.#mask(plan);
    graph.set(mask, bits, bits.byteLength);
    if (elements !== null) {
      const places = this.#elements(plan);
      graph.set(elements, places, places.byteLength);
    }
  }

  attend(graph: Graph, inputs: KvInputs, layer: number, q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor {
    const own = ownInputs(inputs);
    const store = this.#layers[layer];
    if (store === undefined) throw new EdgeVlmError('INTERNAL', `no cache for layer ${layer}`);
    const { headSize, kvHeads, cells } = this.geometry;
    const [, heads, tokens] = q.shape;
    const row = headSize * kvHeads;
    graph.expand(graph.setRows(store.keys, graph.reshape(k, [row, tokens]), own.cells));
    const values =
      own.elements === null
        ? graph.setRows(store.values, graph.reshape(v, [row, tokens]), own.cells)
        : graph.setRows(graph.reshape(store.values, [1, row * cells]), graph.reshape(v, [1, row * tokens]), own.elements);
    graph.expand(values);

    const window = own.mask.shape[0];
    /** [head size, window, kv heads] of rows of cells. */
    const byCell = (stored: Tensor, start: number): Tensor => {
      const [, rowStride] = stored.strides;
      return graph.view(stored, [headSize, window, kvHeads], rowStride, rowStride / kvHeads, start * rowStride);
    };
    const keys = byCell(store.keys, own.start);
    if (own.elements === null) {
      const attention = graph.flashAttention(graph.swapRowsAndPlanes(q), keys, byCell(store.values, own.start), own.mask, scale);
      return graph.reshape(attention, [headSize * heads, tokens]);
    }
    const [element, channel] = store.values.strides;
    if (tokens >= FUSED_TOKENS) {
      const channels = graph.view(store.values, [window, row, 1], channel, row * channel, own.start * element);
      const past = byCell(graph.contiguous(graph.transpose(channels)), 0);
      return graph.reshape(graph.flashAttention(graph.swapRowsAndPlanes(q), keys, past, own.mask, scale), [headSize * heads, tokens]);
    }
    const channels = graph.view(store.values, [window, headSize, kvHeads], channel, headSize * channel, own.start * element);
    // For one token the heads that share a KV head are the rows of one product.
    const queries = tokens === 1 ? graph.reshape(q, [headSize, heads / kvHeads, kvHeads]) : graph.swapRowsAndPlanes(q);
    const attention = graph.mulMat(channels, graph.softMax(graph.mulMat(keys, queries), own.mask, scale));
    return graph.reshape(tokens === 1 ? attention : graph.contiguous(graph.swapRowsAndPlanes(attention)), [headSize * heads, tokens]);
  }

  protected release(): void {
    this.#buffer[Symbol.dispose]();
    this.#context[Symbol.dispose]();
  }

  #cellsOf(sequence: number): readonly number[] {
    return this.#cells.get(sequence) ?? [];
  }

  /** The cells that the batch's sequences lie in, rounded; what others hold around them costs no attention. */
  #window(planned: Int32Array, sequences: Iterable<number>): { start: number; window: number } {
    let first = Infinity;
    let last = 0;
    const include = (cell: number): void => {
      first = Math.min(first, cell);
      last = Math.max(last, cell);
    };
    planned.forEach(include);
    for (const sequence of sequences) this.#cellsOf(sequence).forEach(include);
    const start = Math.floor(first / WINDOW_CELLS) * WINDOW_CELLS;
    const end = Math.min(Math.ceil((last + 1) / WINDOW_CELLS) * WINDOW_CELLS, this.geometry.cells);
    return { start, window: end - start };
  }

  /** One for every token; for one token as many as heads share a KV head. */
  #maskRows({ tokens }: FullKvPlan): number {
    const { heads, kvHeads } = this.geometry;
    return tokens === 1 && this.#valueLayout === 'channels' ? heads / kvHeads : tokens;
  }

  /** Where every channel of every token goes in rows of channels: little-endian i64, low half first. */
  #elements({ cells, tokens }: FullKvPlan): Uint32Array {
    const { kvHeads, headSize, cells: capacity } = this.geometry;
    const row = kvHeads * headSize;
    const places = new Uint32Array(2 * row * tokens);
    for (let token = 0, at = 0; token < tokens; token++) {
      let place = cells[token] ?? 0;
      for (let channel = 0; channel < row; channel++, at += 2, place += capacity) {
        places[at] = place;
        places[at + 1] = place / 2 ** 32;
      }
    }
    return places;
  }

  /** [mask rows, window] f16: a token sees the cells of its sequence up to its own position, or only the last of them. */
  #mask(plan: FullKvPlan): Uint16Array {
    const { start, window, tokens, cells, sequences } = plan;
    const { slidingWindow } = this.geometry;
    const rows = this.#maskRows(plan);
    const bits = new Uint16Array(window * rows);
    // What a sequence's next token sees; it grows by a cell with every token of the batch, and loses the one that slides out.
    const seen = new Map<number, { readonly row: Uint16Array; readonly owned: number[] }>();
    for (let token = 0; token < tokens; token++) {
      const sequence = sequences[token] ?? 0;
      const cell = cells[token] ?? 0;
      const past = seen.get(sequence) ?? this.#past(sequence, start, window);
      seen.set(sequence, past);
      past.owned.push(cell);
      past.row[cell - start] = VISIBLE;
      const gone = slidingWindow === null ? undefined : past.owned.at(-1 - slidingWindow);
      if (gone !== undefined) past.row[gone - start] = HIDDEN;
      bits.set(past.row, token * window);
    }
    for (let row = tokens; row < rows; row++) bits.copyWithin(row * window, 0, window);
    return bits;
  }

  /** A sequence's cells, and what its last token saw of them. */
  #past(sequence: number, start: number, window: number): { readonly row: Uint16Array; readonly owned: number[] } {
    const owned = [...this.#cellsOf(sequence)];
    const row = new Uint16Array(window).fill(HIDDEN);
    for (const cell of owned.slice(-(this.geometry.slidingWindow ?? owned.length))) row[cell - start] = VISIBLE;
    return { row, owned };
  }
}

interface OwnInputs {
  readonly cells: Tensor;
  readonly mask: Tensor;
  readonly start: number;
  /** Only where values lie in rows of channels. */
  readonly elements: Tensor | null;
}

function ownInputs({ cells, mask, start, elements }: KvInputs): OwnInputs {
  const known = elements instanceof Tensor ? elements : null;
  if (cells instanceof Tensor && mask instanceof Tensor && typeof start === 'number') return { cells, mask, start, elements: known };
  throw new EdgeVlmError('INTERNAL', 'the graph lacks the inputs of its cache');
}
