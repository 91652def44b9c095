import { EdgeVlmError } from '../../core/errors.js';
import { diversityPruner } from './diversity/diversity-pruner.js';
import type { ImagePruner } from './image-pruner.js';
import { poolingPruner } from './pooling/pooling-pruner.js';
import { randomPruner } from './random/random-pruner.js';

/** Ways to make image tokens fewer; `random` and `pooling` are what the others are to be compared with. */
export const IMAGE_PRUNING_METHODS = ['diversity', 'pooling', 'random'] as const;
export type ImagePruningMethod = (typeof IMAGE_PRUNING_METHODS)[number];

export interface ImagePruningOptions {
  /** Image tokens left of every tile, at most. */
  readonly keep: number;
  /** Default `diversity`. */
  readonly method?: ImagePruningMethod;
}

const PRUNERS: Record<ImagePruningMethod, ImagePruner> = { diversity: diversityPruner, pooling: poolingPruner, random: randomPruner };

/** A pruner for tiles of so many tokens. */
export interface TilePruning {
  /** Tokens that a tile has afterwards. */
  readonly tokensPerTile: number;
  /** What is lost, in words; null where nothing is. */
  readonly lossy: string | null;
  readonly prune: (values: Float32Array) => Float32Array;
}

/** @throws USAGE for a number out of range, or tokens that the method cannot prune */
export function createPruning(options: ImagePruningOptions | undefined, tokensPerTile: number): TilePruning {
  if (options === undefined) return { tokensPerTile, lossy: null, prune: (values) => values };
  const { keep, method = 'diversity' } = options;
  if (!IMAGE_PRUNING_METHODS.includes(method)) {
    throw new EdgeVlmError('USAGE', `image tokens are pruned by ${IMAGE_PRUNING_METHODS.join(', ')}, not by ${method}`);
  }
  if (!Number.isInteger(keep) || keep < 1) {
    throw new EdgeVlmError('USAGE', `the image tokens to keep are ${keep}; expected a whole number from 1`);
  }
  const pruner = PRUNERS[method];
  const left = pruner.tokens(tokensPerTile, keep);
  if (left === tokensPerTile) return { tokensPerTile, lossy: null, prune: (values) => values };
  return {
    tokensPerTile: left,
    lossy: `${left} of ${tokensPerTile} image tokens of every tile are left, by ${method}`,
    prune: (values) => pruner.prune({ values, count: tokensPerTile }, left),
  };
}
