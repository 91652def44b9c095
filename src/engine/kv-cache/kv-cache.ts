import type { Graph } from '../ggml/graph.js';
import type { Resource } from '../ggml/resource.js';
import type { Tensor } from '../ggml/tensor.js';

/** What a cache must hold. */
export interface KvCacheGeometry {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** Tokens that fit, over all sequences together. */
  readonly cells: number;
}

/** Tokens of one sequence in a batch; their positions go on from the sequence's length. */
export interface SequenceTokens {
  readonly sequence: number;
  readonly count: number;
}

/** Where the tokens of one batch will go. Nothing is taken until it is committed, so a cancelled batch leaves no trace. */
export interface KvPlan {
  readonly tokens: number;
  /** True position of every token, [tokens]. */
  readonly positions: Int32Array;
  /** Plans with equal keys can run on the same graph. */
  readonly graphKey: string;
}

/** The cache's input tensors of one graph. */
export type KvInputs = Readonly<Record<string, Tensor>>;

/**
 * Keys and values of earlier tokens, and attention over them. A policy owns both because a compressed cache
 * scores without rebuilding its keys. One folder per policy; `conformance.test.ts` runs against each.
 */
export interface KvCache<Plan extends KvPlan = KvPlan> {
  /** What graphs that read the cache must not outlive. */
  readonly resource: Resource;
  /** Every byte held, padding included. */
  readonly bytes: number;

  /** Tokens of a sequence; the position of its next token. */
  length(sequence: number): number;
  /** @throws CONTEXT_FULL when the tokens do not fit */
  plan(batch: readonly SequenceTokens[]): Plan;
  /** Takes the planned cells; called once the graph has run. */
  commit(plan: Plan): void;
  /** Forgets everything from position `length` on; 0 frees the sequence. */
  truncate(sequence: number, length: number): void;

  /** Declares the cache's inputs in a graph for plans like this one. */
  inputs(graph: Graph, plan: Plan): KvInputs;
  /** Fills them before a run. */
  fill(graph: Graph, inputs: KvInputs, plan: Plan): void;
  /**
   * Stores the batch's keys and values and attends to all that each query may see.
   * @param q [head size, heads, tokens], rotated @param k,v [head size, kv heads, tokens], k rotated
   * @returns [head size · heads, tokens]
   */
  attend(graph: Graph, inputs: KvInputs, layer: number, q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor;
}
