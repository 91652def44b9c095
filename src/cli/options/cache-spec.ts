import { EdgeVlmError } from '../../core/errors.js';
import { FULL_KV_CACHE_TYPES } from '../../engine/kv-cache/full/full-kv-cache.js';
import { checkKvCacheOptions, KV_CACHE_POLICIES, type KvCacheOptions } from '../../engine/kv-cache/registry.js';

/**
 * A cache in a word, for lists: a policy, and behind a colon what sets it apart: `full:q8_0`, `hadamard:q4_0`, `gear:2` (bits),
 * `pyramidkv:0.4` (budget). @throws EdgeVlmError USAGE
 */
export function parseCacheSpec(spec: string): KvCacheOptions {
  const [name = '', detail, ...more] = spec.trim().split(':');
  const policy = KV_CACHE_POLICIES.find((known) => known === name);
  if (policy === undefined || more.length > 0) {
    throw new EdgeVlmError('USAGE', `there is no cache "${spec}"; expected ${KV_CACHE_POLICIES.join(', ')}, and :detail behind it`);
  }
  const options: KvCacheOptions = { policy, ...(detail !== undefined && detailOf(policy, detail)) };
  checkKvCacheOptions(options);
  return options;
}

function detailOf(policy: string, detail: string): KvCacheOptions {
  const type = FULL_KV_CACHE_TYPES.find((known) => known === detail);
  if (type !== undefined) return { type };
  const value = detail === '' ? NaN : Number(detail);
  if (policy.startsWith('pyramidkv') && Number.isFinite(value)) return { pyramid: { budget: value } };
  if (policy === 'gear' && (value === 2 || value === 4)) return { gear: { bits: value } };
  throw new EdgeVlmError('USAGE', `the cache policy ${policy} knows no "${detail}"`);
}
