import { EdgeVlmError } from '../../../core/errors.js';
import { Buffer } from '../../ggml/buffer.js';
import type { CpuBackend } from '../../ggml/cpu-backend.js';
import type { Graph } from '../../ggml/graph.js';
import { Resource } from '../../ggml/resource.js';
import type { Tensor } from '../../ggml/tensor.js';
import { TensorContext } from '../../ggml/tensor-context.js';
import type { KvCache, KvCacheGeometry, KvInputs, KvPlan, SequenceTokens } from '../kv-cache.js';

/** How values are stored. f16 is what llama.cpp stores; f32 is for comparing with f32 references. */
export type FullKvCacheType = 'f16' | 'f32';

/** Attention runs over a window of the cache rounded up to this many cells, so that one graph serves many steps. */
const WINDOW_CELLS = 256;
const FREE = -1;
/** f16 bit patterns of the mask: 0 lets a query see a cell, -∞ hides it. */
const VISIBLE = 0;
const HIDDEN = 0xfc00;

interface FullKvPlan extends KvPlan {
  /** Cell of every token. */
  readonly cells: Int32Array;
  /** Sequence of every token. */
  readonly sequences: Int32Array;
  /** Cells that attention runs over, from the first. */
  readonly window: number;
}

/** Every key and value, uncompressed. Sequences share one pool of cells; a mask keeps them apart. */
export class FullKvCache extends Resource implements KvCache<FullKvPlan> {
  readonly resource = this;
  readonly bytes: number;
  readonly #context: TensorContext;
  readonly #buffer: Buffer;
  readonly #layers: readonly { readonly keys: Tensor; readonly values: Tensor }[];
  /** Owner and position of every cell. */
  readonly #sequenceOf: Int32Array;
  readonly #positionOf: Int32Array;
  readonly #lengths = new Map<number, number>();

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
    this.#sequenceOf = new Int32Array(cells).fill(FREE);
    this.#positionOf = new Int32Array(cells);
  }

  length(sequence: number): number {
    return this.#lengths.get(sequence) ?? 0;
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
        while (cell < this.#sequenceOf.length && this.#sequenceOf[cell] !== FREE) cell++;
        if (cell >= this.#sequenceOf.length) {
          throw new EdgeVlmError('CONTEXT_FULL', `${tokens} more tokens do not fit into a context of ${this.geometry.cells}`);
        }
        cells[token] = cell;
        positions[token] = start + i;
        sequences[token] = sequence;
      }
    }
    const used = Math.max(cell, this.#usedCells());
    const window = Math.min(Math.ceil(used / WINDOW_CELLS) * WINDOW_CELLS, this.geometry.cells);
    return { tokens, cells, positions, sequences, window, graphKey: `${tokens}x${window}` };
  }

  commit(plan: FullKvPlan): void {
    for (let token = 0; token < plan.tokens; token++) {
      const cell = plan.cells[token] ?? 0;
      const sequence = plan.sequences[token] ?? FREE;
      const position = plan.positions[token] ?? 0;
      this.#sequenceOf[cell] = sequence;
      this.#positionOf[cell] = position;
      this.#lengths.set(sequence, position + 1);
    }
  }

  truncate(sequence: number, length: number): void {
    if (length >= this.length(sequence)) return;
    for (let cell = 0; cell < this.#sequenceOf.length; cell++) {
      if (this.#sequenceOf[cell] === sequence && (this.#positionOf[cell] ?? 0) >= length) this.#sequenceOf[cell] = FREE;
    }
    if (length === 0) this.#lengths.delete(sequence);
    else this.#lengths.set(sequence, length);
  }

  inputs(graph: Graph, plan: FullKvPlan): KvInputs {
    return {
      cells: graph.input('i64', [plan.tokens], 'kv_cells'),
      mask: graph.input('f16', [plan.window, plan.tokens], 'kv_mask'),
    };
  }

  fill(graph: Graph, inputs: KvInputs, plan: FullKvPlan): void {
    const { cells, mask } = inputs;
    if (cells === undefined || mask === undefined) throw new EdgeVlmError('INTERNAL', 'the graph lacks the inputs of its cache');
    const rows = BigInt64Array.from(plan.cells, BigInt);
    graph.set(cells, rows, rows.byteLength);
    const bits = this.#mask(plan);
    graph.set(mask, bits, bits.byteLength);
  }

  attend(graph: Graph, inputs: KvInputs, layer: number, q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor {
    const { cells, mask } = inputs;
    const store = this.#layers[layer];
    if (cells === undefined || mask === undefined || store === undefined) throw new EdgeVlmError('INTERNAL', `no cache for layer ${layer}`);
    const { headSize, kvHeads } = this.geometry;
    const [, heads, tokens] = q.shape;
    const row = headSize * kvHeads;
    graph.expand(graph.setRows(store.keys, graph.reshape(k, [row, tokens]), cells));
    graph.expand(graph.setRows(store.values, graph.reshape(v, [row, tokens]), cells));

    const window = mask.shape[0];
    const past = (stored: Tensor): Tensor => {
      const [, rowStride] = stored.strides;
      return graph.view(stored, [headSize, window, kvHeads], rowStride, rowStride / kvHeads, 0);
    };
    const attention = graph.flashAttention(graph.swapRowsAndPlanes(q), past(store.keys), past(store.values), mask, scale);
    return graph.reshape(attention, [headSize * heads, tokens]);
  }

  protected release(): void {
    this.#buffer[Symbol.dispose]();
    this.#context[Symbol.dispose]();
  }

  #usedCells(): number {
    let last = this.#sequenceOf.length;
    while (last > 0 && this.#sequenceOf[last - 1] === FREE) last--;
    return last;
  }

  /** [tokens, window] f16: a token sees the cells of its sequence up to its own position. */
  #mask(plan: FullKvPlan): Uint16Array {
    const { window, tokens } = plan;
    const bits = new Uint16Array(window * tokens);
    // What a sequence's next token sees; it grows by a cell with every token of the batch.
    const seen = new Map<number, Uint16Array>();
    for (let token = 0; token < tokens; token++) {
      const sequence = plan.sequences[token] ?? FREE;
      const row = seen.get(sequence) ?? this.#committedCells(sequence, window);
      seen.set(sequence, row);
      row[plan.cells[token] ?? 0] = VISIBLE;
      bits.set(row, token * window);
    }
    return bits;
  }

  #committedCells(sequence: number, window: number): Uint16Array {
    const row = new Uint16Array(window).fill(HIDDEN);
    for (let cell = 0; cell < window; cell++) if (this.#sequenceOf[cell] === sequence) row[cell] = VISIBLE;
    return row;
  }
}
