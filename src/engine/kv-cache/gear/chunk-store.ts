import { EdgeVlmError } from '../../../core/errors.js';
import { Buffer } from '../../ggml/buffer.js';
import type { Backend } from '../../ggml/backend.js';
import type { Graph } from '../../ggml/graph.js';
import { Resource } from '../../ggml/resource.js';
import type { Tensor } from '../../ggml/tensor.js';
import { TensorContext } from '../../ggml/tensor-context.js';
import type { KvCacheGeometry } from '../kv-cache.js';
import { createSides, memoryOf, sideTensors, type SideMemory, type Sides } from './chunk-side.js';
import { compressKeys, compressValues } from './compress-chunk.js';
import { gearChunkBytes } from './gear-bytes.js';
import { GEAR_GROUP, type GearOptions } from './gear-options.js';
import { BLOCK_FORMATS, groupBytes } from './quantise-groups.js';
import { weightedSum } from './weighted-sum.js';

/** Chunks that attention runs over. */
export interface ChunkWindow {
  readonly start: number;
  readonly count: number;
}

/** For the scattering of values that are kept apart: the first row of every chunk and head [1, chunks, heads], and of every head [1, 1, heads]. */
export interface ChunkInputs {
  readonly keyRows: Tensor;
  readonly valueRows: Tensor;
}

interface StoredLayer extends Sides {
  readonly memory: { readonly keys: SideMemory; readonly values: SideMemory };
}

/** Chunks of 64 tokens as GEAR compresses them, and attention to them without rebuilding them. */
export class ChunkStore extends Resource {
  readonly #context: TensorContext;
  readonly #buffer: Buffer;
  readonly #layers: readonly StoredLayer[];
  readonly #options: Required<GearOptions>;

  /** @param geometry its cells are tokens; whole chunks of them fit @throws USAGE where groups do not divide a head, OUT_OF_MEMORY */
  constructor(
    backend: Backend,
    private readonly geometry: KvCacheGeometry,
    options: Required<GearOptions>,
  ) {
    super('GEAR chunks', [backend]);
    const { layers, headSize } = geometry;
    if (headSize % GEAR_GROUP !== 0) {
      const message = `GEAR groups ${GEAR_GROUP} values, this model's heads have ${headSize}`;
      throw this.failed(new EdgeVlmError('USAGE', message));
    }
    this.#options = options;
    this.#context = new TensorContext('GEAR chunk headers', backend, 12 * layers);
    const made = Array.from({ length: layers }, () => createSides(this.#context, geometry, options));
    const tensors = made.flatMap(({ keys, values }) => [keys, values]).flatMap((side) => sideTensors(side));
    this.#buffer = new Buffer('GEAR chunks', this.#context, backend.defaultBufferType, tensors);
    this.#buffer.clear();
    this.#layers = made.map((layer) => ({
      ...layer,
      memory: { keys: memoryOf(this.#buffer, layer.keys), values: memoryOf(this.#buffer, layer.values) },
    }));
  }

  get bytes(): number {
    return this.#buffer.bytes;
  }

  /** Chunks that fit. */
  get chunks(): number {
    return this.geometry.cells / GEAR_GROUP;
  }

  /** Of one chunk in all layers. */
  get chunkBytes(): number {
    return gearChunkBytes(this.geometry, this.#options);
  }

  /**
   * Compresses a chunk of one layer.
   * @param keys,values [64, kv heads, head size], token after token
   */
  write(layer: number, chunk: number, keys: Float32Array, values: Float32Array): void {
    const { memory } = this.#layer(layer);
    const { kvHeads, headSize } = this.geometry;
    const form = { geometry: this.geometry, options: this.#options };
    const ofHead = new Float32Array(GEAR_GROUP * headSize);
    for (let head = 0; head < kvHeads; head++) {
      const at = (token: number, channel: number): number => (token * kvHeads + head) * headSize + channel;
      for (let i = 0; i < ofHead.length; i++) ofHead[i] = keys[at(i % GEAR_GROUP, Math.floor(i / GEAR_GROUP))] ?? 0;
      compressKeys(form, memory.keys, chunk, head, ofHead);
      for (let i = 0; i < ofHead.length; i++) ofHead[i] = values[at(Math.floor(i / headSize), i % headSize)] ?? 0;
      compressValues(form, memory.values, chunk, head, ofHead);
    }
  }

  inputs(graph: Graph, { count }: ChunkWindow): ChunkInputs {
    const { kvHeads } = this.geometry;
    return {
      keyRows: graph.input('f32', [1, count, kvHeads], 'kv_key_rows'),
      valueRows: graph.input('f32', [1, 1, kvHeads], 'kv_value_rows'),
    };
  }

  fill(graph: Graph, { keyRows, valueRows }: ChunkInputs): void {
    const { kvHeads, headSize } = this.geometry;
    const first = Float32Array.from({ length: keyRows.elements }, (_, i) => i * GEAR_GROUP);
    graph.set(keyRows, first, first.byteLength);
    const heads = Float32Array.from({ length: kvHeads }, (_, head) => head * headSize);
    graph.set(valueRows, heads, heads.byteLength);
  }

  /**
   * q·k for every token of a window of chunks: q·(quantised) + (q·B)·Aᵀ + q·offset + what is kept apart.
   * @param q [head size, queries, kv heads], contiguous @returns [tokens, queries, kv heads]
   */
  scores(graph: Graph, layer: number, { start, count }: ChunkWindow, q: Tensor, { keyRows }: ChunkInputs): Tensor {
    const { keys } = this.#layer(layer);
    const { rank, outliers, bits } = this.#options;
    const [headSize, queries, kvHeads] = q.shape;
    const tokens = count * GEAR_GROUP;
    const byGroup = [GEAR_GROUP, count, queries, kvHeads] as const;

    const codes = part(graph, keys.codes, [tokens, headSize], start * groupBytes(BLOCK_FORMATS[bits]));
    const offsets = graph.mulMat(rows(graph, keys.offsets, start, count), q);
    let sum = graph.add(graph.reshape(weightedSum(graph, codes, q), byGroup), graph.reshape(offsets, [1, count, queries, kvHeads]));
    if (rank > 0) {
      const narrow = graph.mulMat(rows(graph, keys.byChannel, start * rank, count * rank), q);
      const byToken = graph.groupRows(rows(graph, keys.byToken, start * GEAR_GROUP, tokens), GEAR_GROUP);
      const product = graph.mulMat(byToken, graph.swapRowsAndPlanes(graph.reshape(narrow, [rank, count, queries, kvHeads])));
      sum = graph.add(sum, graph.contiguous(graph.swapRowsAndPlanes(product)));
    }
    const scores = graph.reshape(sum, [tokens, queries, kvHeads]);
    if (outliers === 0) return scores;
    const turned = graph.reshape(graph.contiguous(graph.transpose(q)), [queries, headSize, 1, kvHeads]);
    const asked = graph.repeat(turned, [queries, headSize, count, kvHeads]);
    const values = rows(graph, keys.outlierValues, start, count);
    const ids = graph.add(graph.cast(rows(graph, keys.outliers, start, count), 'f32'), keyRows);
    const scattered = scatter(graph, asked, values, ids, tokens * kvHeads);
    return graph.add(scores, graph.contiguous(graph.transpose(graph.reshape(scattered, [queries, tokens, kvHeads]))));
  }

  /**
   * The sum of the values of a window of chunks, weighted.
   * @param weights [tokens, queries, kv heads], contiguous @returns [head size, queries, kv heads]
   */
  weigh(graph: Graph, layer: number, { start, count }: ChunkWindow, weights: Tensor, { valueRows }: ChunkInputs): Tensor {
    const { values } = this.#layer(layer);
    const { rank, outliers } = this.#options;
    const { headSize } = this.geometry;
    const [tokens, queries, kvHeads] = weights.shape;
    const groups = headSize / GEAR_GROUP;
    const first = start * GEAR_GROUP;

    const codes = weightedSum(graph, rows(graph, values.codes, first, tokens), weights);
    const offsets = graph.mulMat(part(graph, values.offsets, [tokens, groups], first * 2), weights);
    const byGroup = graph.reshape(codes, [GEAR_GROUP, groups, queries, kvHeads]);
    let sum = graph.reshape(graph.add(byGroup, graph.reshape(offsets, [1, groups, queries, kvHeads])), [headSize, queries, kvHeads]);
    if (rank > 0) {
      const byToken = graph.groupRows(rows(graph, values.byToken, start * rank, count * rank), rank);
      const byChunk = graph.swapRowsAndPlanes(graph.reshape(weights, [GEAR_GROUP, count, queries, kvHeads]));
      const narrow = graph.contiguous(graph.swapRowsAndPlanes(graph.mulMat(byToken, byChunk)));
      const byChannel = part(graph, values.byChannel, [rank * count, headSize], start * rank * 2);
      sum = graph.add(sum, graph.mulMat(byChannel, graph.reshape(narrow, [rank * count, queries, kvHeads])));
    }
    if (outliers === 0) return sum;
    const turned = graph.reshape(graph.contiguous(graph.transpose(weights)), [queries, 1, tokens, kvHeads]);
    const spread = graph.repeat(turned, [queries, groups, tokens, kvHeads]);
    const apart = rows(graph, values.outlierValues, first, tokens);
    const ids = graph.add(graph.cast(rows(graph, values.outliers, first, tokens), 'f32'), valueRows);
    const scattered = scatter(graph, spread, apart, ids, headSize * kvHeads);
    return graph.add(sum, graph.contiguous(graph.transpose(graph.reshape(scattered, [queries, headSize, kvHeads]))));
  }

  protected release(): void {
    this.#buffer[Symbol.dispose]();
    this.#context[Symbol.dispose]();
  }

  #layer(layer: number): StoredLayer {
    const stored = this.#layers[layer];
    if (stored === undefined) throw new EdgeVlmError('INTERNAL', `no cache for layer ${layer}`);
    return stored;
  }
}

/** The first values of every row from `offset` bytes on, as many rows as are asked for. */
function part(graph: Graph, tensor: Tensor, [n, m]: readonly [number, number], offset: number): Tensor {
  return graph.view(tensor, [n, m, tensor.shape[2]], tensor.strides[1], tensor.strides[2], offset);
}

/** Some of every plane's rows. */
function rows(graph: Graph, tensor: Tensor, first: number, count: number): Tensor {
  return part(graph, tensor, [tensor.shape[0], count], first * tensor.strides[1]);
}

/** Adds up rows [queries, …] times f16 `values` [1, …], each into the row that f32 `ids` names. */
function scatter(graph: Graph, x: Tensor, values: Tensor, ids: Tensor, into: number): Tensor {
  const [queries] = x.shape;
  const count = x.elements / queries;
  const factors = graph.reshape(graph.cast(values, 'f32'), [1, count]);
  const products = graph.mul(graph.reshape(x, [queries, count]), factors);
  return graph.scatterRows(products, graph.reshape(graph.cast(ids, 'i32'), [count, 1]), into);
}
