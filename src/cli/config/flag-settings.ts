import type { Command } from 'commander';
import type { ConfigKey } from '../../config/config-keys.js';
import type { FlagSetting } from '../../config/load-config.js';
import type { CacheFlags } from '../options/cache-options.js';
import type { DecodingFlags } from '../options/decoding-options.js';
import { CONFIG_KEY_NAMES } from '../../config/config-keys.js';
import { optionOf } from './config-flags.js';

/** Flags that say as much as several keys, or the other way round. */
const SPECULATION = 'optimizations.speculative_decoding';
const EXIT = 'optimizations.early_exit';
const CACHE = 'optimizations.kv_cache_compression';

/** What a command line says, in the words of the config. */
export function flagSettings(command: Command): Map<ConfigKey, FlagSetting> {
  const settings = new Map<ConfigKey, FlagSetting>();
  const isGiven = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  for (const key of CONFIG_KEY_NAMES) {
    const found = optionOf(command, key);
    if (found === undefined) continue;
    const name = found.option.attributeName();
    if (!isGiven(name) || ['cache', 'decoding'].includes(name) || key.endsWith('max_cache_size_mb')) continue;
    const given: unknown = command.getOptionValue(name);
    // Of a server's models the first; the others have no key.
    const value: unknown = key === 'model.name' && Array.isArray(given) ? given[0] : given;
    const [only, ...more] = Array.isArray(value) && found.list ? (value as unknown[]) : [value];
    settings.set(key, { value: more.length === 0 ? only : value, flag: found.option.long ?? name });
  }
  const { decoding, draft, cache } = command.opts<DecodingFlags & CacheFlags>();
  if (isGiven('decoding') || isGiven('draft')) {
    const flag = isGiven('decoding') ? '--decoding' : '--draft';
    const strategy = isGiven('decoding') ? decoding : draft === undefined ? undefined : 'speculative';
    settings.set(`${SPECULATION}.enabled`, { value: ['speculative', 'ngram', 'self-speculative'].includes(strategy ?? ''), flag });
    settings.set(`${EXIT}.enabled`, { value: strategy === 'early-exit', flag });
  }
  if (isGiven('cache') && cache !== undefined) {
    const parts = cache.split('+');
    settings.set(`${CACHE}.gear_enabled`, { value: parts.includes('gear'), flag: '--cache' });
    settings.set(`${CACHE}.pyramid_enabled`, { value: parts.includes('pyramidkv'), flag: '--cache' });
  }
  return settings;
}
