import type { PlantedChain } from './planted-chain.js';
import { RandomRows } from './random-rows.js';

/** Writes row `index` of a tensor. */
export type RowFiller = (into: Float32Array, index: number) => void;

export interface WeightOptions {
  readonly seed: number;
  /** The decoder's layers, or the tower's blocks. */
  readonly layers: number;
  readonly chain: PlantedChain | undefined;
}

/** How much all layers together add to the residual stream, of root mean square 1 before them: it keeps 89% of its direction. */
const LAYERS_SHARE = 0.5;
/** Logit of the planted token; others lie around 0 with a deviation of this / √embedding. */
const PLANTED_LOGIT = 25;
/** Root mean square of silu(a)·b for normal a and b. */
const GATED = 0.6;

/**
 * The numbers of one tensor: every matrix random, scaled so that activations stay of order 1 however deep the model is.
 *
 * Planted: the head's row of a token is the embedding of the token before it in the chain, so that token gets a logit of about 25·cos of
 * the angle by which the layers, which do their full work, have turned the residual stream.
 * @param fanIn numbers that one output is summed from
 */
export function weightRows(name: string, fanIn: number, { seed, layers, chain }: WeightOptions): RowFiller {
  const own = new RandomRows(seed, name);
  const random =
    (deviation: number): RowFiller =>
    (into, index) => {
      own.fill(into, index, deviation);
    };
  if (name.endsWith('.bias')) return (into) => into.fill(0);
  if (/norm\.weight$|\bln[12]\.weight$|_ln\.weight$|mb_block\.\d\.block\.[02]\.1\.weight$/.test(name)) return (into) => into.fill(1);
  if (name === 'token_embd.weight') {
    const shared = new RandomRows(seed, PLANTED);
    return (into, token) => {
      shared.fill(into, chain?.anchor(token) ?? token, 1);
    };
  }
  if (name === 'output.weight') {
    const shared = new RandomRows(seed, PLANTED);
    return (into, token) => {
      const previous = chain?.previous(token);
      if (previous === undefined) own.fill(into, token, PLANTED_LOGIT / fanIn);
      else shared.fill(into, previous, PLANTED_LOGIT / fanIn);
    };
  }
  // Attention and feed-forward each add once per layer.
  const added = LAYERS_SHARE / Math.sqrt(2 * layers);
  if (/attn_out(put)?\.weight$/.test(name)) return random(added / Math.sqrt(fanIn));
  if (/^blk\.\d+\.ffn_down\.weight$/.test(name)) return random(added / (GATED * Math.sqrt(fanIn)));
  return random(1 / Math.sqrt(fanIn));
}

/** Names the stream of the rows that embedding and head share. */
const PLANTED = 'planted';
