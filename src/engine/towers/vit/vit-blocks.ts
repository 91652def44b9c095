import type { Linear } from '../../blocks/linear.js';
import { visionBlock, type LayerNorm } from '../../blocks/vision-block.js';
import type { Activation, Graph } from '../../ggml/graph.js';
import type { Tensor } from '../../ggml/tensor.js';
import type { Weights, WeightSpec } from '../../weights.js';
import type { VitHyperparameters } from './vit-hyperparameters.js';

/** Nodes per block are about 32. */
const NODES_PER_BLOCK = 40;
const NODES_OUTSIDE_BLOCKS = 32;

/** What differs between the blocks of one ViT and another. */
export interface VitBlockStyle {
  readonly activation: Activation;
  /** Names of the feed-forward's two matrices, in the order of their use. */
  readonly feedForward: readonly [first: string, second: string];
}

/** Enough for the blocks and for what a tower puts before and after them. */
export function vitNodes({ layers }: VitHyperparameters): number {
  return NODES_PER_BLOCK * layers + NODES_OUTSIDE_BLOCKS;
}

export function vitBlockSpecs(h: VitHyperparameters, { feedForward: [first, second] }: VitBlockStyle): WeightSpec[] {
  return Array.from({ length: h.layers }, (_, block) => {
    const vector = (name: string): WeightSpec => ({ name: `v.blk.${block}.${name}`, shape: [h.embedding], use: 'vector' });
    const matrix = (name: string, input: number, output: number): WeightSpec[] => [
      { name: `v.blk.${block}.${name}.weight`, shape: [input, output], use: 'matmul' },
      { name: `v.blk.${block}.${name}.bias`, shape: [output], use: 'vector' },
    ];
    return [
      ...['ln1.weight', 'ln1.bias', 'ln2.weight', 'ln2.bias'].map(vector),
      ...['attn_q', 'attn_k', 'attn_v', 'attn_out'].flatMap((name) => matrix(name, h.embedding, h.embedding)),
      ...matrix(first, h.embedding, h.feedForward),
      ...matrix(second, h.feedForward, h.embedding),
    ];
  }).flat();
}

/** All blocks, one after another. `x` is [embedding, patches] and keeps that shape. */
export function vitBlocks(graph: Graph, weights: Weights, x: Tensor, h: VitHyperparameters, style: VitBlockStyle): Tensor {
  const { activation, feedForward } = style;
  let out = x;
  for (let block = 0; block < h.layers; block++) {
    const linear = (name: string): Linear => ({
      weight: weights.get(`v.blk.${block}.${name}.weight`),
      bias: weights.get(`v.blk.${block}.${name}.bias`),
    });
    out = visionBlock(graph, out, {
      norm1: vitNorm(weights, `v.blk.${block}.ln1`, h),
      query: linear('attn_q'),
      key: linear('attn_k'),
      value: linear('attn_v'),
      output: linear('attn_out'),
      norm2: vitNorm(weights, `v.blk.${block}.ln2`, h),
      up: linear(feedForward[0]),
      down: linear(feedForward[1]),
      activation,
      heads: h.heads,
    });
  }
  return out;
}

export function vitNorm(weights: Weights, name: string, { epsilon }: VitHyperparameters): LayerNorm {
  return { weight: weights.get(`${name}.weight`), bias: weights.get(`${name}.bias`), epsilon };
}
