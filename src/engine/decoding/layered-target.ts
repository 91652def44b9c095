import type { LayerRange } from '../decoders/decoder.js';
import type { LayerOutput, LayerWants } from '../layer-runner.js';

/** One sequence's view of a model that runs layer by layer. */
export interface LayeredTarget {
  readonly layers: number;
  /** What the head costs, and the keys and values of one layer: in layers, by weights read. */
  readonly costs: { readonly head: number; readonly keysAndValues: number };
  /** Appends tokens and runs layers 0 to `to` − 1. @throws CONTEXT_FULL, CANCELLED */
  begin(tokens: Int32Array, to: number, wants: LayerWants): Promise<LayerOutput>;
  /** Goes on with the sequence's last tokens; where `to` is `from`, for logits only. @throws CANCELLED */
  resume(hidden: Float32Array, range: LayerRange, wants: LayerWants): Promise<LayerOutput>;
  /** Lets the last tokens go no further; later tokens see what the remaining layers make of their state. @throws CANCELLED */
  leave(hidden: Float32Array, from: number): Promise<void>;
  /** Tells that the last tokens have gone through every layer, and so has all before: other prompts may begin with them. */
  complete(tokens: Int32Array): void;
}
