import { EdgeVlmError } from '../../core/errors.js';
import { GGML_TYPES } from '../../formats/gguf/ggml-types.js';
import type { Backend } from '../ggml/backend.js';
import { FULL_KV_CACHE_TYPES, FullKvCache, type FullKvCacheType } from './full/full-kv-cache.js';
import { gearBytes } from './gear/gear-bytes.js';
import { GearKvCache } from './gear/gear-kv-cache.js';
import { GEAR_DEFAULTS, GEAR_MAX_RANK, type GearOptions } from './gear/gear-options.js';
import { HadamardKvCache } from './hadamard/hadamard-kv-cache.js';
import { rotationBytes } from './hadamard/hadamard-matrix.js';
import type { KvCache, KvCacheGeometry } from './kv-cache.js';
import { PyramidKvCache } from './pyramidkv/pyramid-kv-cache.js';
import {
  PYRAMID_DEFAULTS,
  PYRAMID_MAX_BETA,
  PYRAMID_MAX_WINDOW,
  PYRAMID_QUERIES,
  type PyramidOptions,
} from './pyramidkv/pyramid-options.js';

/** Cache policies, by the name used in options and reports. `pyramidkv+X` keeps what PyramidKV chose as X does. */
export const KV_CACHE_POLICIES = ['full', 'hadamard', 'gear', 'pyramidkv', 'pyramidkv+hadamard', 'pyramidkv+gear'] as const;
export type KvCachePolicy = (typeof KV_CACHE_POLICIES)[number];

export interface KvCacheOptions {
  /** Default `full`. */
  readonly policy?: KvCachePolicy;
  /** Element type of the cells. Default f16, where they are rotated q8_0. GEAR chooses its own. */
  readonly type?: FullKvCacheType;
  /** For `gear` and `pyramidkv+gear`. */
  readonly gear?: GearOptions;
  /** For `pyramidkv` and its combinations. */
  readonly pyramid?: PyramidOptions;
}

/** What makes a policy. */
interface PolicyRow {
  readonly create: (backend: Backend, geometry: KvCacheGeometry, options: ResolvedOptions) => KvCache;
  /** Native bytes that it will take. */
  readonly bytes: (geometry: KvCacheGeometry, options: ResolvedOptions) => number;
  readonly defaultType: FullKvCacheType | null;
  /** Whether its caches have `copies`. */
  readonly copies: boolean;
  readonly uses: readonly ('gear' | 'pyramid')[];
}

interface ResolvedOptions {
  readonly type: FullKvCacheType;
  readonly gear: Required<GearOptions>;
  readonly pyramid: Required<PyramidOptions>;
}

const FULL: PolicyRow = {
  create: (backend, geometry, { type }) => new FullKvCache(backend, geometry, type),
  bytes: ({ layers, kvHeads, headSize, cells }, { type }) => {
    const { blockSize, blockBytes } = GGML_TYPES[type];
    return (2 * layers * kvHeads * headSize * cells * blockBytes) / blockSize;
  },
  defaultType: 'f16',
  copies: true,
  uses: [],
};

const POLICIES: Record<KvCachePolicy, PolicyRow> = {
  full: FULL,
  hadamard: {
    create: (backend, geometry, { type }) => new HadamardKvCache(backend, geometry, type),
    bytes: (geometry, options) => FULL.bytes(geometry, options) + rotationBytes(geometry.headSize),
    defaultType: 'q8_0',
    copies: true,
    uses: [],
  },
  gear: {
    create: (backend, geometry, { gear }) => new GearKvCache(backend, geometry, gear),
    bytes: (geometry, { gear }) => gearBytes(geometry, gear, false),
    defaultType: null,
    copies: false,
    uses: ['gear'],
  },
  pyramidkv: {
    create: (backend, geometry, { type, pyramid }) =>
      new PyramidKvCache(backend, geometry, pyramid, (layer) => new FullKvCache(backend, layer, type)),
    bytes: FULL.bytes,
    defaultType: 'f16',
    copies: false,
    uses: ['pyramid'],
  },
  'pyramidkv+hadamard': {
    create: (backend, geometry, { type, pyramid }) =>
      new PyramidKvCache(backend, geometry, pyramid, (layer) => new HadamardKvCache(backend, layer, type)),
    bytes: (geometry, options) => FULL.bytes(geometry, options) + geometry.layers * rotationBytes(geometry.headSize),
    defaultType: 'q8_0',
    copies: false,
    uses: ['pyramid'],
  },
  'pyramidkv+gear': {
    create: (backend, geometry, { gear, pyramid }) =>
      new PyramidKvCache(backend, geometry, pyramid, (layer) => new GearKvCache(backend, layer, gear, true)),
    bytes: (geometry, { gear }) => gearBytes(geometry, gear, true),
    defaultType: null,
    copies: false,
    uses: ['gear', 'pyramid'],
  },
};

/** Makes a cache by policy. @throws USAGE where the policy cannot hold this model's heads, OUT_OF_MEMORY */
export function createKvCache(backend: Backend, geometry: KvCacheGeometry, options: KvCacheOptions): KvCache {
  return POLICIES[options.policy ?? 'full'].create(backend, geometry, resolved(options));
}

/** Native bytes that such a cache will take. */
export function kvCacheBytes(geometry: KvCacheGeometry, options: KvCacheOptions): number {
  return POLICIES[options.policy ?? 'full'].bytes(geometry, resolved(options));
}

/** Whether what such a cache stores can be copied to this process's memory and back. */
export function canCopy({ policy = 'full' }: KvCacheOptions): boolean {
  return POLICIES[policy].copies;
}

/** Refuses values out of range, and settings that the policy has no use for. @throws USAGE */
export function checkKvCacheOptions(options: KvCacheOptions): void {
  const { policy = 'full', type, gear, pyramid } = options;
  const refuse = (message: string): never => {
    throw new EdgeVlmError('USAGE', message);
  };
  if (!KV_CACHE_POLICIES.includes(policy)) refuse(`there is no cache policy ${policy}; expected one of ${KV_CACHE_POLICIES.join(', ')}`);
  const { defaultType, uses } = POLICIES[policy];
  if (type !== undefined && defaultType === null) refuse(`the cache policy ${policy} chooses its element types itself`);
  if (type !== undefined && !FULL_KV_CACHE_TYPES.includes(type))
    refuse(`a cache cannot hold ${type}; ${FULL_KV_CACHE_TYPES.join(', ')} it can`);
  if (gear !== undefined && !uses.includes('gear')) refuse(`the cache policy ${policy} takes no settings of GEAR`);
  if (pyramid !== undefined && !uses.includes('pyramid')) refuse(`the cache policy ${policy} takes no settings of PyramidKV`);
  const { bits, rank, outliers } = { ...GEAR_DEFAULTS, ...gear };
  if (![2, 4].includes(bits)) refuse(`GEAR takes 2 or 4 bits, not ${bits}`);
  if (!isWhole(rank, 0, GEAR_MAX_RANK)) refuse(`the rank of GEAR is ${rank}; expected a whole number from 0 to ${GEAR_MAX_RANK}`);
  if (![0, 1].includes(outliers)) refuse(`GEAR keeps 0 or 1 values of a group apart, not ${outliers}`);
  const { budget, window, beta, queries } = { ...PYRAMID_DEFAULTS, ...pyramid };
  if (!(budget > 0 && (budget <= 1 || Number.isInteger(budget)))) {
    refuse(`the budget of PyramidKV is ${budget}; expected a share up to 1 or a whole number of tokens`);
  }
  if (!isWhole(window, 1, PYRAMID_MAX_WINDOW)) {
    refuse(`the window of PyramidKV is ${window}; expected a whole number from 1 to ${PYRAMID_MAX_WINDOW}`);
  }
  if (!(beta >= 1 && beta <= PYRAMID_MAX_BETA)) refuse(`the beta of PyramidKV is ${beta}; expected a number from 1 to ${PYRAMID_MAX_BETA}`);
  if (!PYRAMID_QUERIES.includes(queries)) refuse(`PyramidKV asks ${PYRAMID_QUERIES.join(' or ')}, not ${queries}`);
}

/** Refuses what cannot be, and policies that read and write the cache's memory token by token. @throws USAGE, DEVICE_UNAVAILABLE */
export function checkCacheOnDevice(options: KvCacheOptions, device: string): void {
  checkKvCacheOptions(options);
  const { policy = 'full' } = options;
  if (device === 'cpu' || !POLICIES[policy].uses.includes('gear')) return;
  throw new EdgeVlmError(
    'DEVICE_UNAVAILABLE',
    `the cache policy ${policy} compresses in this process's memory, not in that of a ${device} device`,
    {
      hint: 'Leave --device out, or choose another policy: full, hadamard, pyramidkv or pyramidkv+hadamard.',
    },
  );
}

/** What of the cache changes answers, in words; null where none does beyond rounding to half precision. */
export function describeLoss(options: KvCacheOptions): string | null {
  const { policy = 'full' } = options;
  const { type, gear, pyramid } = resolved(options);
  const { defaultType, uses } = POLICIES[policy];
  const { budget, window, queries } = pyramid;
  const parts = [
    ...(uses.includes('pyramid') && budget !== 1
      ? [`keeps ${budget > 1 ? `${budget} tokens` : `${100 * budget}%`} of a prompt (window ${window}, by ${queries})`]
      : []),
    ...(uses.includes('gear') ? [`compresses older tokens to ${gear.bits} bits, rank ${gear.rank}`] : []),
    ...(defaultType !== null && type !== 'f16' && type !== 'f32' ? [`stores ${type}`] : []),
  ];
  return parts.length === 0 ? null : `the cache policy ${policy} is lossy: it ${parts.join(', and ')}`;
}

function resolved({ policy = 'full', type, gear, pyramid }: KvCacheOptions): ResolvedOptions {
  return {
    type: type ?? POLICIES[policy].defaultType ?? 'f16',
    gear: { ...GEAR_DEFAULTS, ...gear },
    pyramid: { ...PYRAMID_DEFAULTS, ...pyramid },
  };
}

function isWhole(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}
