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
  /** How many tokens a token sees, itself included; null for all. */
  readonly slidingWindow: number | null;
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

/** The cache's part of one graph: its input tensors, and numbers that the graph is built with. */
export type KvInputs = Readonly<Record<string, Tensor | number>>;

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
  /**
   * Begins the empty sequence `to` with up to `length` tokens of `from`, as they are stored; neither sequence notices the other
   * afterwards. Only for what a cold run would have stored the same way: a policy that drops or rewrites tokens by what came
   * after them answers 0, one that compresses in blocks a whole number of them.
   * @returns tokens that `to` now has
   */
  share(from: number, to: number, length: number): number;

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
