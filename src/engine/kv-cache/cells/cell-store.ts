import { EdgeVlmError } from '../../../core/errors.js';
import { GGML_TYPES, type GgmlType } from '../../../formats/gguf/ggml-types.js';
import { Buffer } from '../../ggml/buffer.js';
import type { Backend } from '../../ggml/backend.js';
import type { Graph } from '../../ggml/graph.js';
import { Resource } from '../../ggml/resource.js';
import type { Tensor } from '../../ggml/tensor.js';
import { TensorContext } from '../../ggml/tensor-context.js';
import type { KvCacheGeometry } from '../kv-cache.js';

/** One layer's memory: [head size · kv heads, cells] each, a token's heads side by side in its cell. */
export interface CellLayer {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Keys and values in cells, one token to each, in the same cell in every layer. */
export class CellStore extends Resource {
  readonly #context: TensorContext;
  readonly #buffer: Buffer;
  readonly #layers: readonly CellLayer[];

  /** @throws USAGE where the type's blocks do not divide a head, OUT_OF_MEMORY */
  constructor(
    backend: Backend,
    private readonly geometry: KvCacheGeometry,
    type: GgmlType,
  ) {
    super('KV cells', [backend]);
    const { layers, kvHeads, headSize, cells } = geometry;
    const { blockSize } = GGML_TYPES[type];
    if (headSize % blockSize !== 0) {
      const message = `a cache of ${type} stores blocks of ${blockSize} values, this model's heads have ${headSize}`;
      throw this.failed(new EdgeVlmError('USAGE', message));
    }
    this.#context = new TensorContext('KV cell headers', backend, 2 * layers);
    this.#layers = Array.from({ length: layers }, (_, layer) => ({
      keys: this.#context.create(type, [kvHeads * headSize, cells], `cache_k.${layer}`),
      values: this.#context.create(type, [kvHeads * headSize, cells], `cache_v.${layer}`),
    }));
    const tensors = this.#layers.flatMap(({ keys, values }) => [keys, values]);
    this.#buffer = new Buffer('KV cells', this.#context, backend.defaultBufferType, tensors);
    // Unused cells take part in the matrix product before the mask hides them; a stray NaN would not stay hidden.
    this.#buffer.clear();
  }

  get bytes(): number {
    return this.#buffer.bytes;
  }

  /** Of one token in all layers. */
  get cellBytes(): number {
    return this.#layers.reduce((sum, { keys, values }) => sum + keys.strides[1] + values.strides[1], 0);
  }

  layer(layer: number): CellLayer {
    const stored = this.#layers[layer];
    if (stored === undefined) throw new EdgeVlmError('INTERNAL', `no cache for layer ${layer}`);
    return stored;
  }

  /** Writes k and v [head size, kv heads, tokens] into i64 `cells` [tokens]. */
  write(graph: Graph, layer: number, k: Tensor, v: Tensor, cells: Tensor): void {
    const { keys, values } = this.layer(layer);
    const [headSize, kvHeads, tokens] = k.shape;
    const rows = (x: Tensor): Tensor => graph.reshape(x, [headSize * kvHeads, tokens]);
    graph.expand(graph.setRows(keys, rows(k), cells));
    graph.expand(graph.setRows(values, rows(v), cells));
  }

  /** A window of a layer's cells, head by head: [head size, window, kv heads]. */
  window(graph: Graph, stored: Tensor, start: number, window: number): Tensor {
    const { headSize, kvHeads } = this.geometry;
    const [, row] = stored.strides;
    return graph.view(stored, [headSize, window, kvHeads], row, row / kvHeads, start * row);
  }

  /** The bytes of keys or values, cell after cell. */
  memory(stored: Tensor): Uint8Array {
    return this.#buffer.view(stored, stored.strides[2]);
  }

  /**
   * Copies cells into a page of this process's memory, or back. A page holds keys and values layer after layer, each with room for all of
   * its tokens.
   * @param at token of the page that belongs to the first cell
   */
  exchange(direction: 'out' | 'in', cells: ArrayLike<number>, page: Uint8Array, at: number): void {
    const room = page.length / this.cellBytes;
    if (!Number.isInteger(room) || at + cells.length > room) {
      throw new EdgeVlmError('INTERNAL', `${cells.length} cells do not fit behind token ${at} of a page of ${page.length} bytes`);
    }
    let start = 0;
    for (const stored of this.#layers.flatMap(({ keys, values }) => [keys, values])) {
      const [, row] = stored.strides;
      for (const { index, cell, count } of runsOf(cells)) {
        const bytes = page.subarray(start + (at + index) * row, start + (at + index + count) * row);
        if (direction === 'out') this.#buffer.read(stored, cell * row, bytes);
        else this.#buffer.write(stored, cell * row, bytes);
      }
      start += room * row;
    }
  }

  /**
   * Moves tokens together.
   * @param cells of a sequence, by position
   * @param keep for every key-value head the indices in `cells` of what moves into the first ones, ascending
   */
  compact(cells: readonly number[], keep: readonly Int32Array[]): void {
    for (const stored of this.#layers.flatMap(({ keys, values }) => [keys, values])) {
      const [, row] = stored.strides;
      const headBytes = row / this.geometry.kvHeads;
      this.#buffer.edit(stored, stored.strides[2], (memory) => {
        keep.forEach((kept, head) => {
          // Every token moves towards the front, so none is overwritten before it has moved.
          kept.forEach((token, slot) => {
            const at = (cells[token] ?? 0) * row + head * headBytes;
            memory.copyWithin((cells[slot] ?? 0) * row + head * headBytes, at, at + headBytes);
          });
        });
      });
    }
  }

  protected release(): void {
    this.#buffer[Symbol.dispose]();
    this.#context[Symbol.dispose]();
  }
}

/** Neighbours in the order they come, so that each run is one copy. */
function runsOf(cells: ArrayLike<number>): { readonly index: number; readonly cell: number; readonly count: number }[] {
  const runs: { index: number; cell: number; count: number }[] = [];
  for (let index = 0; index < cells.length; index++) {
    const cell = cells[index] ?? 0;
    const last = runs.at(-1);
    if (last !== undefined && cell === last.cell + last.count) last.count++;
    else runs.push({ index, cell, count: 1 });
  }
  return runs;
}
