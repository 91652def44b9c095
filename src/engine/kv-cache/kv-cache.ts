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
  /** Sequences that grow at once, at most; default 1. */
  readonly sequences?: number;
  /** How many tokens a token sees, itself included; null for all. */
  readonly slidingWindow: number | null;
}

/** The end of a prompt, for policies that keep of a prompt what its end looks at. */
export interface PromptEnd {
  /** Text tokens behind the prompt's last picture, or in all. */
  readonly textTokens: number;
}

/** Tokens of one sequence in a batch; their positions go on from the sequence's length. */
export interface SequenceTokens {
  readonly sequence: number;
  readonly count: number;
  /** Present where the last of these tokens ends a prompt. */
  readonly promptEnd?: PromptEnd | undefined;
}

/** Where the tokens of one batch will go. Nothing is taken until it is committed, so a cancelled batch leaves no trace. */
export interface KvPlan {
  readonly tokens: number;
  /** True position of every token, [tokens]. */
  readonly positions: Int32Array;
  /** Plans with equal keys can run on the same graph. */
  readonly graphKey: string;
  /** Upper bound of the graph nodes that one layer's `attend` adds. */
  readonly nodesPerLayer: number;
}

/** The cache's part of one graph: its input tensors, what the graph is built with, and results that `commit` reads. */
export type KvInputs = Readonly<Record<string, unknown>>;

/**
 * Keys and values of earlier tokens, and attention over them. A policy owns both because a compressed cache
 * scores without rebuilding its keys. One folder per policy; `conformance.test.ts` runs against each.
 */
export interface KvCache<Plan extends KvPlan = KvPlan, Inputs extends KvInputs = KvInputs> {
  /** What graphs that read the cache must not outlive. */
  readonly resource: Resource;
  /** Every byte held, padding included. */
  readonly bytes: number;
  /** Of these, the bytes that tokens lie in: of one sequence, whose share may be another's too, or of all. */
  usedBytes(sequence?: number): number;
  /** Tokens that fit into one plan, where that is less than what fits at all. */
  readonly maxBatch?: number;
  /** Present where `share` always answers 0: to keep a past is then to no purpose. */
  readonly sharesNothing?: true;
  /** Present where `truncate` leaves exactly what would be there had the rest never come. */
  readonly forgetsExactly?: true;
  /** Of a prompt's end, so many tokens must come in one plan, if there are as many. */
  readonly promptWindow?: number;

  /** Tokens of a sequence; the position of its next token. */
  length(sequence: number): number;
  /** @throws CONTEXT_FULL when the tokens do not fit */
  plan(batch: readonly SequenceTokens[]): Plan;
  /** Takes the planned cells; called once the graph has run, with the graph, which may hold results for the cache. */
  commit(plan: Plan, graph?: Graph, inputs?: Inputs): void;
  /**
   * A plan over tokens that a sequence already has, from position `from` to its end: their later layers are computed after their
   * first ones were committed. It is not committed again. Absent where a policy cannot; decoding by layers is refused there.
   */
  revisit?(sequence: number, from: number): Plan;
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
  inputs(graph: Graph, plan: Plan): Inputs;
  /** Fills them before a run. */
  fill(graph: Graph, inputs: Inputs, plan: Plan): void;
  /**
   * Stores the batch's keys and values of a layer that nothing attends in: what a token leaves for later ones when it exits early.
   * Absent where a policy cannot.
   */
  store?(graph: Graph, inputs: Inputs, layer: number, k: Tensor, v: Tensor): void;
  /**
   * Stores the batch's keys and values and attends to all that each query may see.
   * @param q [head size, heads, tokens], rotated @param k,v [head size, kv heads, tokens], k rotated
   * @returns [head size · heads, tokens]
   */
  attend(graph: Graph, inputs: Inputs, layer: number, q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor;
}
