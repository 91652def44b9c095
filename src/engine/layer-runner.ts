import { EdgeVlmError } from '../core/errors.js';
import type { Decoder, LayerRange } from './decoders/decoder.js';
import type { Backend } from './ggml/backend.js';
import { GraphCache } from './ggml/graph-cache.js';
import { Graph } from './ggml/graph.js';
import { Resource } from './ggml/resource.js';
import type { Tensor } from './ggml/tensor.js';
import type { KvCache, KvInputs, KvPlan } from './kv-cache/kv-cache.js';
import { takeCells } from './kv-cache/take-cells.js';
import type { Weights } from './weights.js';

/** What is wanted of a stretch of layers, besides the hidden state after it. */
export interface LayerWants {
  /** What the last norm and the head make of that state. */
  readonly logits?: boolean;
  /** The hidden state before the last of the layers. */
  readonly before?: boolean;
}

/** Rows of every token. */
export interface LayerOutput {
  /** [tokens, embedding] */
  readonly hidden: Float32Array;
  /** [tokens, embedding], or empty */
  readonly before: Float32Array;
  /** [tokens, vocabulary], or empty */
  readonly logits: Float32Array;
}

interface LayerGraph {
  readonly graph: Graph;
  /** i32 [tokens], or f32 [embedding, tokens] */
  readonly source: Tensor;
  readonly positions: Tensor | null;
  readonly kv: KvInputs;
  readonly hidden: Tensor | null;
  readonly before: Tensor | null;
  readonly logits: Tensor | null;
}

/** Where a stretch begins: new tokens, or the state of tokens that the layers before have seen. */
type Source = { readonly tokens: Int32Array } | { readonly hidden: Float32Array };

interface Stretch extends LayerRange, LayerWants {
  readonly sequence: number;
  readonly plan: KvPlan;
  readonly source: Source;
  /** Leave keys and values only. */
  readonly storeOnly?: boolean;
}

/** Kept graphs: a draft's and a check's of a few sizes, or the stretches between exits, at two windows. */
const GRAPHS_KEPT = 24;

/**
 * Runs a decoder stretch by stretch, one sequence at a time: for guessing with early layers and for leaving early. What one stretch
 * computed goes to the next through this process; beside the weights that a layer reads it is nothing.
 */
export class LayerRunner extends Resource {
  readonly #graphs: GraphCache<LayerGraph>;

  /** @throws USAGE where the cache's policy cannot go back to tokens for their later layers */
  constructor(
    private readonly backend: Backend,
    private readonly decoder: Decoder,
    private readonly weights: Weights,
    private readonly cache: KvCache,
    private readonly reclaim: () => boolean = () => false,
  ) {
    super('decoder layers', [backend, weights, cache.resource]);
    if (cache.revisit === undefined || cache.store === undefined) {
      throw new EdgeVlmError('USAGE', 'this cache policy cannot be combined with decoding layer by layer: early exit, self-speculation');
    }
    this.#graphs = new GraphCache(backend, GRAPHS_KEPT);
  }

  get shape(): Decoder['shape'] {
    return this.decoder.shape;
  }

  /** How many graphs were built so far. */
  get graphsBuilt(): number {
    return this.#graphs.built;
  }

  /**
   * Appends tokens to a sequence and runs them through layers 0 to `to` − 1.
   * @throws CONTEXT_FULL, CANCELLED; then nothing was appended
   */
  async begin(sequence: number, tokens: Int32Array, to: number, wants: LayerWants, signal?: AbortSignal): Promise<LayerOutput> {
    const plan = takeCells(() => this.cache.plan([{ sequence, count: tokens.length }]), this.reclaim);
    const { output, graph } = await this.#run({ ...wants, sequence, plan, source: { tokens }, from: 0, to }, signal);
    this.cache.commit(plan, graph.graph, graph.kv);
    return output;
  }

  /** Runs a sequence's last tokens, which layers 0 to `from` − 1 have seen, through the next; none if `to` is `from`. @throws CANCELLED */
  async resume(sequence: number, hidden: Float32Array, range: LayerRange, wants: LayerWants, signal?: AbortSignal): Promise<LayerOutput> {
    const plan = this.#revisit(sequence, hidden);
    const { output } = await this.#run({ ...wants, ...range, sequence, plan, source: { hidden } }, signal);
    return output;
  }

  /**
   * Lets a sequence's last tokens leave after layer `from` − 1: the layers from there on make keys and values of the state they left
   * with (CALM's state propagation). @throws CANCELLED
   */
  async leave(sequence: number, hidden: Float32Array, from: number, signal?: AbortSignal): Promise<void> {
    const plan = this.#revisit(sequence, hidden);
    await this.#run({ sequence, plan, source: { hidden }, from, to: this.shape.layers, storeOnly: true }, signal);
  }

  protected release(): void {
    this.#graphs[Symbol.dispose]();
  }

  #revisit(sequence: number, hidden: Float32Array): KvPlan {
    const tokens = hidden.length / this.shape.embedding;
    const plan = this.cache.revisit?.(sequence, this.cache.length(sequence) - tokens);
    if (plan?.tokens !== tokens) throw new EdgeVlmError('INTERNAL', `sequence ${sequence} does not have ${tokens} tokens to go on with`);
    return plan;
  }

  async #run(stretch: Stretch, signal?: AbortSignal): Promise<{ output: LayerOutput; graph: LayerGraph }> {
    this.assertAlive();
    const { plan, source, from, to, logits = false, before = false, storeOnly = false } = stretch;
    const key = [plan.graphKey, 'tokens' in source, from, to, logits, before, storeOnly].join(' ');
    const built = this.#graphs.get(key, () => this.#build(stretch));
    const { graph } = built;
    const values = 'tokens' in source ? source.tokens : source.hidden;
    graph.set(built.source, values, values.byteLength);
    if (built.positions !== null) {
      graph.set(built.positions, plan.positions, plan.positions.byteLength);
      this.cache.fill(graph, built.kv, plan);
    }
    const start = performance.now();
    await this.backend.compute(graph.pointer, signal, graph.took_ms);
    graph.took_ms = performance.now() - start;
    const read = (tensor: Tensor | null): Float32Array => {
      const into = new Float32Array(tensor?.elements ?? 0);
      if (tensor !== null) graph.get(tensor, into, 0, into.byteLength);
      return into;
    };
    return { output: { hidden: read(built.hidden), before: read(built.before), logits: read(built.logits) }, graph: built };
  }

  #build({ plan, source, from, to, logits = false, before = false, storeOnly = false }: Stretch): LayerGraph {
    const { decoder, weights, cache } = this;
    const nodes = decoder.maxNodes + plan.nodesPerLayer * decoder.shape.layers;
    const graph = new Graph(`layers ${from} to ${to}`, this.backend, nodes, [weights, cache.resource]);
    const fromTokens = 'tokens' in source;
    const input = fromTokens
      ? graph.input('i32', [plan.tokens], 'tokens')
      : graph.input('f32', [decoder.shape.embedding, plan.tokens], 'hidden');
    const hidden = fromTokens ? graph.getRows(weights.get('token_embd.weight'), input) : input;
    if (from === to) {
      const head = graph.output(decoder.head(graph, weights, hidden));
      return { graph, source: input, positions: null, kv: {}, hidden: null, before: null, logits: head };
    }
    const positions = graph.input('i32', [plan.tokens], 'positions');
    const kv = cache.inputs(graph, plan);
    const through = (x: Tensor, range: LayerRange): Tensor =>
      decoder.layers(graph, weights, cache, { hidden: x, positions, outputs: null, kv }, range);
    if (storeOnly) {
      decoder.store(graph, weights, cache, { hidden, positions, outputs: null, kv }, { from, to });
      return { graph, source: input, positions, kv, hidden: null, before: null, logits: null };
    }
    const penultimate = before ? graph.output(through(hidden, { from, to: to - 1 })) : null;
    const after = graph.output(penultimate === null ? through(hidden, { from, to }) : through(penultimate, { from: to - 1, to }));
    const head = logits ? graph.output(decoder.head(graph, weights, after)) : null;
    return { graph, source: input, positions, kv, hidden: after, before: penultimate, logits: head };
  }
}
