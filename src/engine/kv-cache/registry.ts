import { GGML_TYPES } from '../../formats/gguf/ggml-types.js';
import type { CpuBackend } from '../ggml/cpu-backend.js';
import { FullKvCache, type FullKvCacheType } from './full/full-kv-cache.js';
import type { KvCache, KvCacheGeometry } from './kv-cache.js';

/** Cache policies, by the name used in options and reports. */
export const KV_CACHE_POLICIES = ['full'] as const;
export type KvCachePolicy = (typeof KV_CACHE_POLICIES)[number];

export interface KvCacheOptions {
  /** Default `full`. */
  readonly policy?: KvCachePolicy;
  /** Element type of the full cache. Default f16. */
  readonly type?: FullKvCacheType;
}

const POLICIES: Record<KvCachePolicy, (backend: CpuBackend, geometry: KvCacheGeometry, options: KvCacheOptions) => KvCache> = {
  full: (backend, geometry, options) => new FullKvCache(backend, geometry, options.type ?? 'f16'),
};

/** Makes a cache by policy. @throws OUT_OF_MEMORY */
export function createKvCache(backend: CpuBackend, geometry: KvCacheGeometry, options: KvCacheOptions): KvCache {
  return POLICIES[options.policy ?? 'full'](backend, geometry, options);
}

/** Native bytes that such a cache will take. */
export function kvCacheBytes({ layers, kvHeads, headSize, cells }: KvCacheGeometry, { type = 'f16' }: KvCacheOptions): number {
  return 2 * layers * kvHeads * headSize * cells * GGML_TYPES[type].blockBytes;
}
