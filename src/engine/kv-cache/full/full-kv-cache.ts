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

/** Attention runs over a window of the cache rounded up to this many cells, so that one graph serves many steps. */
const WINDOW_CELLS = 256;
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

/** Every key and value, uncompressed. Sequences share one pool of cells, and the cells of a common past; a mask keeps the rest apart. */
export class FullKvCache extends Resource implements KvCache<FullKvPlan> {
  readonly resource = this;
  readonly bytes: number;
  readonly #context: TensorContext;
  readonly #buffer: Buffer;
  readonly #layers: readonly { readonly keys: Tensor; readonly values: Tensor }[];
  /** How many sequences use each cell. */
  readonly #uses: Uint32Array;
  /** Cells of every sequence, by position. */
  readonly #cells = new Map<number, number[]>();

  /** @throws OUT_OF_MEMORY */
  constructor(
    backend: CpuBackend,
    private readonly geometry: KvCacheGeometry,
    type: FullKvCacheType,
  ) {
    super('KV cache', [backend]);
    const { layers, kvHeads, headSize, cells } = geometry;
    this.#context = new TensorContext('KV cache headers', backend, 2 * layers);
    this.#layers = Array.from({ length: layers }, (_, layer) => ({
      keys: this.#context.create(type, [kvHeads * headSize, cells], `cache_k.${layer}`),
      values: this.#context.create(type, [kvHeads * headSize, cells], `cache_v.${layer}`),
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
    return {
      cells: graph.input('i64', [plan.tokens], 'kv_cells'),
      mask: graph.input('f16', [plan.window, plan.tokens], 'kv_mask'),
      start: plan.start,
    };
  }

  fill(graph: Graph, inputs: KvInputs, plan: FullKvPlan): void {
    const { cells, mask } = ownInputs(inputs);
    const rows = BigInt64Array.from(plan.cells, BigInt);
    graph.set(cells, rows, rows.byteLength);
    const bits = this.#mask(plan);
    graph.set(mask, bits, bits.byteLength);
  }

  /**
   * ggml's flash attention, for any number of tokens. Composed of two matrix products and a softmax it computes for fewer than 64
   * tokens in half the processor time, but every product waits for all threads several times: with two threads, heads of 64 values and
   * up to 1024 cells it was 3 to 18% slower (Zen 5).
   */
  attend(graph: Graph, inputs: KvInputs, layer: number, q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor {
    const { cells, mask, start } = ownInputs(inputs);
    const store = this.#layers[layer];
    if (store === undefined) throw new EdgeVlmError('INTERNAL', `no cache for layer ${layer}`);
    const { headSize, kvHeads } = this.geometry;
    const [, heads, tokens] = q.shape;
    const row = headSize * kvHeads;
    graph.expand(graph.setRows(store.keys, graph.reshape(k, [row, tokens]), cells));
    graph.expand(graph.setRows(store.values, graph.reshape(v, [row, tokens]), cells));

    const window = mask.shape[0];
    const past = (stored: Tensor): Tensor => {
      const [, rowStride] = stored.strides;
      return graph.view(stored, [headSize, window, kvHeads], rowStride, rowStride / kvHeads, start * rowStride);
    };
    const attention = graph.flashAttention(graph.swapRowsAndPlanes(q), past(store.keys), past(store.values), mask, scale);
    return graph.reshape(attention, [headSize * heads, tokens]);
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

  /** [tokens, window] f16: a token sees the cells of its sequence up to its own position, or only the last of them. */
  #mask({ start, window, tokens, cells, sequences }: FullKvPlan): Uint16Array {
    const { slidingWindow } = this.geometry;
    const bits = new Uint16Array(window * tokens);
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

function ownInputs({ cells, mask, start }: KvInputs): { cells: Tensor; mask: Tensor; start: number } {
  if (cells instanceof Tensor && mask instanceof Tensor && typeof start === 'number') return { cells, mask, start };
  throw new EdgeVlmError('INTERNAL', 'the graph lacks the inputs of its cache');
}
