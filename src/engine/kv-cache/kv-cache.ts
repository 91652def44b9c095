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

/** Copies tokens to this process's memory and back, as they are stored: bit by bit what they were. */
export interface TokenCopies {
  /** Of one token in all layers. */
  readonly tokenBytes: number;
  /** Copies `count` tokens of a sequence, from position `from` on, to the front of a page: memory for a whole number of tokens. */
  save(sequence: number, from: number, count: number, page: Uint8Array): void;
  /**
   * Appends tokens of a page to a sequence, from the page's token `from` on. It takes free cells, which a graph that runs may write to:
   * not while one does.
   * @throws CONTEXT_FULL when they do not fit, and nothing is changed
   */
  restore(sequence: number, page: Uint8Array, from: number, count: number): void;
}

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
  /** Absent where what is stored of a token is more than its own: such a policy computes again what it had to forget. */
  readonly copies?: TokenCopies;
  /** Of a prompt's end, so many tokens must come in one plan, if there are as many. */
  readonly promptWindow?: number;

  /** Tokens of a sequence; the position of its next token. */
  length(sequence: number): number;
  /** Tells how many tokens an empty sequence will begin with. Absent where that makes no difference to where they are put. */
  expect?(sequence: number, tokens: number): void;
  /**
   * How much lies between the first and the last of so many tokens if they begin with those of a sequence: attention looks through the mask of
   * it. Absent where that makes no difference.
   */
  reach?(from: number, shared: number, tokens: number): number;
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
