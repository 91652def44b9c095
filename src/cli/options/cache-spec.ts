import { EdgeVlmError } from '../../core/errors.js';
import { FULL_KV_CACHE_TYPES } from '../../engine/kv-cache/full/full-kv-cache.js';
import type { GearOptions } from '../../engine/kv-cache/gear/gear-options.js';
import { PYRAMID_QUERIES, type PyramidOptions } from '../../engine/kv-cache/pyramidkv/pyramid-options.js';
import { checkKvCacheOptions, KV_CACHE_POLICIES, type KvCacheOptions, type KvCachePolicy } from '../../engine/kv-cache/registry.js';

/**
 * A cache in a word, for lists: a policy, and behind colons what sets it apart: `full:q8_0`, `hadamard:q4_0`, `gear:2` (bits),
 * `pyramidkv:0.4` (budget), `pyramidkv+hadamard:0.4:q4_0:text` (who decides), and any number by its name: `gear:2:rank=4:outliers=0`,
 * `pyramidkv:0.4:window=16:beta=5`. @throws EdgeVlmError USAGE
 */
export function parseCacheSpec(spec: string): KvCacheOptions {
  const [name = '', ...details] = spec.trim().split(':');
  const policy = KV_CACHE_POLICIES.find((known) => known === name);
  if (policy === undefined || new Set(details).size < details.length) {
    throw new EdgeVlmError(
      'USAGE',
      `there is no cache "${spec}"; expected ${KV_CACHE_POLICIES.join(', ')}, and details behind it, each once, such as :0.4`,
    );
  }
  const parts = details.map((detail) => detailOf(policy, detail));
  const gear = parts.reduce<GearOptions>((all, part) => ({ ...all, ...part.gear }), {});
  const pyramid = parts.reduce<PyramidOptions>((all, part) => ({ ...all, ...part.pyramid }), {});
  const options = parts.reduce<KvCacheOptions>(
    (all, part) => ({ ...all, ...part, ...(part.gear && { gear }), ...(part.pyramid && { pyramid }) }),
    { policy },
  );
  checkKvCacheOptions(options);
  return options;
}

function detailOf(policy: KvCachePolicy, detail: string): KvCacheOptions {
  const type = FULL_KV_CACHE_TYPES.find((known) => known === detail);
  if (type !== undefined) return { type };
  const queries = PYRAMID_QUERIES.find((known) => known === detail);
  if (queries !== undefined) return { pyramid: { queries } };
  const equals = detail.indexOf('=');
  const name = detail.slice(0, Math.max(equals, 0));
  const text = detail.slice(equals + 1);
  const value = text === '' ? NaN : Number(text);
  switch (name) {
    case '':
      if (policy.startsWith('pyramidkv') && Number.isFinite(value)) return { pyramid: { budget: value } };
      if (policy === 'gear' && (value === 2 || value === 4)) return { gear: { bits: value } };
      break;
    case 'bits':
      if (value === 2 || value === 4) return { gear: { bits: value } };
      break;
    case 'rank':
      return { gear: { rank: value } };
    case 'outliers':
      if (value === 0 || value === 1) return { gear: { outliers: value } };
      break;
    case 'window':
    case 'beta':
      return { pyramid: { [name]: value } };
  }
  throw new EdgeVlmError('USAGE', `the cache policy ${policy} knows no "${detail}"`);
}
