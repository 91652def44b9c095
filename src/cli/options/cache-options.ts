import { Option, type Command } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { BYTES_PER_MB } from '../../core/units.js';
import { FULL_KV_CACHE_TYPES, type FullKvCacheType } from '../../engine/kv-cache/full/full-kv-cache.js';
import { GEAR_MAX_RANK } from '../../engine/kv-cache/gear/gear-options.js';
import {
  PYRAMID_MAX_BETA,
  PYRAMID_MAX_WINDOW,
  PYRAMID_QUERIES,
  type PyramidQueries,
} from '../../engine/kv-cache/pyramidkv/pyramid-options.js';
import { KV_CACHE_POLICIES, type KvCachePolicy } from '../../engine/kv-cache/registry.js';
import { IMAGE_PRUNING_METHODS, type ImagePruningMethod } from '../../engine/image-pruning/registry.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import { decimalNumber, wholeNumber } from './number-parser.js';

/** How keys, values and image tokens are kept. */
export interface CacheFlags {
  readonly cache?: KvCachePolicy;
  readonly cacheType?: FullKvCacheType;
  readonly cacheBits?: '2' | '4';
  readonly cacheRank?: number;
  readonly cacheOutliers?: '0' | '1';
  readonly cacheBudget?: number;
  readonly cacheWindow?: number;
  readonly cacheBeta?: number;
  readonly cacheQueries?: PyramidQueries;
  readonly imageTokens?: number;
  readonly imagePruning?: ImagePruningMethod;
  readonly contextShift?: true;
  /** MB. */
  readonly cacheRam?: number;
}

/** Far beyond any context. */
const MAX_BUDGET = 16_777_216;
/** A terabyte. */
const MAX_CACHE_RAM_MB = 1_000_000;

export function addCacheOptions(command: Command): Command {
  return command
    .addOption(new Option('--cache <policy>', 'how keys and values are kept; default: full').choices([...KV_CACHE_POLICIES]))
    .addOption(
      new Option('--cache-type <type>', 'element type of the cache; default: f16, hadamard q8_0').choices([...FULL_KV_CACHE_TYPES]),
    )
    .addOption(new Option('--cache-bits <n>', 'gear: bits of an old value; default: 4').choices(['2', '4']))
    .option('--cache-rank <n>', 'gear: rank of the correction; default: 2', wholeNumber(0, GEAR_MAX_RANK))
    .addOption(new Option('--cache-outliers <n>', 'gear: values of 64 that are kept as they are; default: 1').choices(['0', '1']))
    .option(
      '--cache-budget <x>',
      'pyramidkv: how much of a prompt is kept, a share up to 1, of at least 64 tokens, or a number of tokens; default: 0.4',
      decimalNumber(0.001, MAX_BUDGET),
    )
    .option(
      '--cache-window <n>',
      'pyramidkv: last tokens of a prompt that are kept and decide; default: 16',
      wholeNumber(1, PYRAMID_MAX_WINDOW),
    )
    .option(
      '--cache-beta <x>',
      'pyramidkv: how far budgets fall from layer to layer, 1 for not at all; default: 20',
      decimalNumber(1, PYRAMID_MAX_BETA),
    )
    .addOption(
      new Option(
        '--cache-queries <which>',
        'pyramidkv: who decides, the window or all text behind the last picture; default: window',
      ).choices([...PYRAMID_QUERIES]),
    )
    .option(
      '--cache-ram <MB>',
      'full and hadamard: memory beside the cache for prompts that have to leave it; 0 for none; default: as much as the cache, at most 256 MiB',
      wholeNumber(0, MAX_CACHE_RAM_MB),
    )
    .option('--image-tokens <n>', 'image tokens left of every tile; default: all', wholeNumber(1, 65_536))
    .addOption(
      new Option('--image-pruning <method>', 'how image tokens are made fewer; default: diversity').choices([...IMAGE_PRUNING_METHODS]),
    )
    .option('--context-shift', 'when the context is full, drop the older half of the answer and go on: lossy; default: end there');
}

/** The same as the engine takes them, which refuses what else does not go together. @throws USAGE */
export function cacheOptions(flags: CacheFlags): Pick<EngineLoadOptions, 'cache' | 'imagePruning' | 'contextShift' | 'cacheRamBytes'> {
  const { cache: policy, cacheType: type, cacheBits, cacheRank: rank, cacheOutliers, imageTokens: keep, imagePruning: method } = flags;
  const { cacheBudget: budget, cacheWindow: window, cacheBeta: beta, cacheQueries: queries } = flags;
  if (method !== undefined && keep === undefined) {
    throw new EdgeVlmError('USAGE', `--image-pruning ${method} needs --image-tokens: how many are to be left`);
  }
  const gear = {
    ...(cacheBits && { bits: cacheBits === '2' ? (2 as const) : (4 as const) }),
    ...(rank !== undefined && { rank }),
    ...(cacheOutliers && { outliers: cacheOutliers === '0' ? (0 as const) : (1 as const) }),
  };
  const pyramid = {
    ...(budget !== undefined && { budget }),
    ...(window !== undefined && { window }),
    ...(beta !== undefined && { beta }),
    ...(queries && { queries }),
  };
  const cache = {
    ...(policy && { policy }),
    ...(type && { type }),
    ...(Object.keys(gear).length > 0 && { gear }),
    ...(Object.keys(pyramid).length > 0 && { pyramid }),
  };
  return {
    ...(Object.keys(cache).length > 0 && { cache }),
    ...(keep !== undefined && { imagePruning: { keep, ...(method && { method }) } }),
    ...(flags.contextShift && { contextShift: true }),
    ...(flags.cacheRam !== undefined && { cacheRamBytes: flags.cacheRam * BYTES_PER_MB }),
  };
}
