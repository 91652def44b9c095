import type { Graph } from '../ggml/graph.js';
import type { Tensor } from '../ggml/tensor.js';
import type { KvCache, KvInputs, KvPlan } from './kv-cache.js';

/** Tokens of a batch, one after another. */
export interface TokenRange {
  readonly from: number;
  readonly count: number;
}

/** Attention, and how much of it went where. */
export interface ScoredAttention {
  /** As `KvCache.attend` gives it. */
  readonly attended: Tensor;
  /** For each range of queries: their mean attention, [columns, heads]. */
  readonly scores: readonly Tensor[];
}

/** A cache whose sequences can lose tokens from their middle, in each key-value head other ones. */
export interface SelectiveKvCache<Plan extends KvPlan = KvPlan, Inputs extends KvInputs = KvInputs> extends KvCache<Plan, Inputs> {
  /** `attend`, and for each range of queries what they looked at. */
  attendScored(
    graph: Graph,
    inputs: Inputs,
    layer: number,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: number,
    queries: readonly TokenRange[],
  ): ScoredAttention;
  /** Where a sequence's tokens stand in the scores of a committed plan, by position. */
  columns(plan: Plan, sequence: number): readonly number[];
  /**
   * Ends a sequence's prompt: keeps, in each key-value head, only these of its tokens (ascending, in all heads equally many), or all
   * of them. The others are forgotten and the rest move together; `length` counts what is left.
   */
  endPrompt(sequence: number, keep: readonly Int32Array[] | null): void;
}
