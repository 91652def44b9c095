import { EdgeVlmError } from '../core/errors.js';
import type { Decoder } from './decoders/decoder.js';
import type { Backend } from './ggml/backend.js';
import { GraphCache } from './ggml/graph-cache.js';
import { Graph } from './ggml/graph.js';
import { Resource } from './ggml/resource.js';
import type { Tensor } from './ggml/tensor.js';
import type { KvCache, KvInputs, KvPlan, PromptEnd } from './kv-cache/kv-cache.js';
import { takeCells } from './kv-cache/take-cells.js';
import type { Weights } from './weights.js';

/** Picture embeddings that take the place of tokens. */
export interface EmbeddingRows {
  /** Index of the first token they replace, within the entry. */
  readonly at: number;
  /** [rows, embedding], row after row. */
  readonly values: Float32Array;
}

/** What one sequence adds in a batch. */
export interface BatchEntry {
  readonly sequence: number;
  readonly tokens: Int32Array;
  /** In order of `at`, without overlap. */
  readonly embeddings?: readonly EmbeddingRows[];
  /** Which tokens' logits are wanted. */
  readonly logits: 'none' | 'last' | 'all';
  /** Present where the last token ends a prompt. */
  readonly promptEnd?: PromptEnd | undefined;
}

/** One graph that is kept for batches of the same form. */
interface BuiltGraph {
  readonly graph: Graph;
  readonly tokens: Tensor;
  readonly positions: Tensor;
  readonly outputs: Tensor | null;
  readonly images: { readonly values: Tensor; readonly rows: Tensor } | null;
  readonly kv: KvInputs;
  /** null where no token's are wanted. */
  readonly logits: Tensor | null;
}

/** A piece of a batch that is computed in one go. */
interface MicroBatch {
  readonly slices: readonly { readonly entry: number; readonly from: number; readonly to: number }[];
  readonly tokens: number;
}

/** Kept graphs of prompts, and of steps: decoding and the batches that check guesses, each at a few windows. */
const GRAPHS_KEPT = 16;
const STEP_TOKENS = 8;
const F32_BYTES = 4;
/** Micro-batches of fewer tokens say little about the pace of prompts: reading the weights takes most of their time. */
const PACE_TOKENS = 32;

/** Runs a decoder over batches of (sequence, tokens). One batch at a time. */
export class DecoderRunner extends Resource {
  /** Tokens computed in one go, at most; fewer where the cache takes fewer. */
  readonly microBatch: number;
  readonly #graphs: GraphCache<BuiltGraph>;
  #compute_ms = 0;
  #promptPace: number | undefined;

  constructor(
    private readonly backend: Backend,
    private readonly decoder: Decoder,
    private readonly weights: Weights,
    readonly cache: KvCache,
    /** Tokens computed in one go, at most. */
    microBatch: number,
    /** Frees cells that are only kept in case; false when there are none. */
    private readonly reclaim: () => boolean = () => false,
  ) {
    super('decoder', [backend, weights, cache.resource]);
    this.microBatch = Math.min(microBatch, cache.maxBatch ?? microBatch);
    this.#graphs = new GraphCache(backend, GRAPHS_KEPT);
  }

  /** Time spent inside compute graphs so far; what a step takes beyond it is the host's. */
  get compute_ms(): number {
    return this.#compute_ms;
  }

  /** Values of a token's embedding. */
  get embedding(): number {
    return this.decoder.shape.embedding;
  }

  /** Tokens per millisecond of the last piece of a prompt; undefined before there was one. */
  get promptPace(): number | undefined {
    return this.#promptPace;
  }

  /** How many graphs were built so far: a steady decode builds none. */
  get graphsBuilt(): number {
    return this.#graphs.built;
  }

  /**
   * Appends tokens to their sequences.
   * @returns logits per entry: [vocabulary] for `last`, [tokens · vocabulary] for `all`, empty for `none`
   * @throws CONTEXT_FULL, CANCELLED; then the sequences keep what earlier micro-batches of the call added
   */
  async decode(batch: readonly BatchEntry[], signal?: AbortSignal): Promise<Float32Array[]> {
    this.assertAlive();
    const { vocabulary } = this.decoder.shape;
    for (const entry of batch) this.#check(entry);
    const results = batch.map(
      ({ logits, tokens }) => new Float32Array(logits === 'none' ? 0 : vocabulary * (logits === 'all' ? tokens.length : 1)),
    );
    for (const micro of splitBatch(batch, this.microBatch, this.cache.promptWindow ?? 0)) await this.#run(batch, micro, results, signal);
    return results;
  }

  /** Forgets a sequence's tokens from `length` on. */
  truncate(sequence: number, length: number): void {
    this.cache.truncate(sequence, length);
  }

  protected release(): void {
    this.#graphs[Symbol.dispose]();
  }

  /**
   * Builds the graphs of so many tokens, all of them of pictures, and of a single one, without running them: what they need is there
   * before the first answer, or is found missing.
   * @throws OUT_OF_MEMORY, DEVICE_UNAVAILABLE
   */
  prepare(tokens: number): void {
    const count = Math.min(tokens, this.microBatch);
    this.#graph(this.cache.plan([{ sequence: 0, count }]), 1, count);
    this.#graph(this.cache.plan([{ sequence: 0, count: 1 }]), 1, 0);
  }

  async #run(batch: readonly BatchEntry[], micro: MicroBatch, results: Float32Array[], signal?: AbortSignal): Promise<void> {
    const { embedding, vocabulary } = this.decoder.shape;
    const tokens = new Int32Array(micro.tokens);
    const outputs: number[] = [];
    const targets: { entry: number; row: number }[] = [];
    const imageRows: bigint[] = [];
    const imageValues: Float32Array[] = [];
    let offset = 0;
    for (const { entry: index, from, to } of micro.slices) {
      const entry = batch[index];
      if (entry === undefined) continue;
      tokens.set(entry.tokens.subarray(from, to), offset);
      if (entry.logits === 'all') {
        for (let i = from; i < to; i++) {
          outputs.push(offset + i - from);
          targets.push({ entry: index, row: i });
        }
      } else if (entry.logits === 'last' && to === entry.tokens.length) {
        outputs.push(offset + to - from - 1);
        targets.push({ entry: index, row: 0 });
      }
      for (const { at, values } of entry.embeddings ?? []) {
        const first = Math.max(at, from);
        const end = Math.min(at + values.length / embedding, to);
        if (first >= end) continue;
        imageValues.push(values.subarray((first - at) * embedding, (end - at) * embedding));
        for (let i = first; i < end; i++) imageRows.push(BigInt(offset + i - from));
      }
      offset += to - from;
    }

    const appended = micro.slices.map(({ entry: index, from, to }) => {
      const entry = batch[index];
      return {
        sequence: entry?.sequence ?? 0,
        count: to - from,
        promptEnd: to === entry?.tokens.length ? entry.promptEnd : undefined,
      };
    });
    const plan = takeCells(() => this.cache.plan(appended), this.reclaim);
    const built = this.#graph(plan, outputs.length, imageRows.length);
    const { graph } = built;
    graph.set(built.tokens, tokens, tokens.byteLength);
    graph.set(built.positions, plan.positions, plan.positions.byteLength);
    if (built.outputs !== null) graph.set(built.outputs, Int32Array.from(outputs), outputs.length * 4);
    if (built.images !== null) {
      const rows = BigInt64Array.from(imageRows);
      graph.set(built.images.rows, rows, rows.byteLength);
      const values = concatenate(imageValues);
      graph.set(built.images.values, values, values.byteLength);
    }
    this.cache.fill(graph, built.kv, plan);
    const start = performance.now();
    await this.backend.compute(graph.pointer, signal, graph.took_ms);
    const took_ms = performance.now() - start;
    graph.took_ms = took_ms;
    this.#compute_ms += took_ms;
    if (micro.tokens >= PACE_TOKENS) this.#promptPace = micro.tokens / took_ms;
    this.cache.commit(plan, graph, built.kv);

    targets.forEach(({ entry, row }, i) => {
      const into = results[entry]?.subarray(row * vocabulary, (row + 1) * vocabulary);
      if (into !== undefined && built.logits !== null) graph.get(built.logits, into, i * vocabulary * F32_BYTES, vocabulary * F32_BYTES);
    });
  }

  #graph(plan: KvPlan, outputCount: number, imageRows: number): BuiltGraph {
    const key = `${plan.graphKey} ${outputCount} ${imageRows}`;
    return this.#graphs.get(key, () => this.#build(plan, outputCount, imageRows), plan.tokens > STEP_TOKENS ? 'prompt' : 'step');
  }

  #build(plan: KvPlan, outputCount: number, imageRows: number): BuiltGraph {
    const { embedding } = this.decoder.shape;
    const nodes = this.decoder.maxNodes + plan.nodesPerLayer * this.decoder.shape.layers;
    const graph = new Graph(`decoder graph ${plan.graphKey}`, this.backend, nodes, [this.weights, this.cache.resource]);
    const tokens = graph.input('i32', [plan.tokens], 'tokens');
    const positions = graph.input('i32', [plan.tokens], 'positions');
    const images =
      imageRows === 0
        ? null
        : { values: graph.input('f32', [embedding, imageRows], 'image_values'), rows: graph.input('i64', [imageRows], 'image_rows') };
    const kv = this.cache.inputs(graph, plan);
    let embeddings = graph.getRows(this.weights.get('token_embd.weight'), tokens);
    if (images !== null) embeddings = graph.setRows(embeddings, images.values, images.rows);
    const { decoder, weights, cache } = this;
    const { layers } = decoder.shape;
    const inputs = { hidden: embeddings, positions, outputs: null, kv };
    if (outputCount === 0 && layers > 1 && cache.forgetsExactly === true && cache.store !== undefined) {
      // Of the last layer later tokens need the keys and values alone.
      const hidden = decoder.layers(graph, weights, cache, inputs, { from: 0, to: layers - 1 });
      decoder.store(graph, weights, cache, { ...inputs, hidden }, { from: layers - 1, to: layers });
      return { graph, tokens, positions, outputs: null, images, kv, logits: null };
    }
    const outputs = outputCount === plan.tokens ? null : graph.input('i32', [outputCount], 'outputs');
    const hidden = decoder.layers(graph, weights, cache, { ...inputs, outputs }, { from: 0, to: layers });
    const logits = graph.output(decoder.head(graph, weights, hidden));
    return { graph, tokens, positions, outputs, images, kv, logits };
  }

  /** ggml reads token ids as row numbers without looking, so they are looked at here. */
  #check({ tokens, embeddings = [] }: BatchEntry): void {
    const { vocabulary, embedding } = this.decoder.shape;
    if (tokens.length === 0) throw new EdgeVlmError('BATCH_INVALID', 'a batch entry has no tokens');
    for (const token of tokens) {
      if (token < 0 || token >= vocabulary)
        throw new EdgeVlmError('BATCH_INVALID', `token ${token} is not in a vocabulary of ${vocabulary}`);
    }
    for (const { at, values } of embeddings) {
      const fits = at >= 0 && values.length % embedding === 0 && at + values.length / embedding <= tokens.length;
      if (!fits) throw new EdgeVlmError('BATCH_INVALID', `${values.length} embedding values do not fit at token ${at} of ${tokens.length}`);
    }
  }
}

/**
 * Cuts a batch into pieces of at most `size` tokens, keeping the order within every sequence. The last `together` tokens of a prompt are
 * not cut apart.
 */
function splitBatch(batch: readonly BatchEntry[], size: number, together: number): MicroBatch[] {
  const micros: { slices: { entry: number; from: number; to: number }[]; tokens: number }[] = [];
  let current = { slices: [] as { entry: number; from: number; to: number }[], tokens: 0 };
  batch.forEach(({ tokens, promptEnd }, entry) => {
    const uncut = promptEnd === undefined ? 0 : Math.min(together, size);
    for (let from = 0; from < tokens.length;) {
      const fits = Math.min(tokens.length, from + size - current.tokens);
      const to = fits < tokens.length ? Math.max(Math.min(fits, tokens.length - uncut), from) : fits;
      if (to === from) {
        micros.push(current);
        current = { slices: [], tokens: 0 };
        continue;
      }
      current.slices.push({ entry, from, to });
      current.tokens += to - from;
      from = to;
    }
  });
  if (current.tokens > 0) micros.push(current);
  return micros;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
