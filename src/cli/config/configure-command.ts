import type { Command } from 'commander';
import { CONFIG_KEY_NAMES, type ConfigKey } from '../../config/config-keys.js';
import { type Config, CONFIG_ORIGINS, loadConfig } from '../../config/load-config.js';
import { parseLogLevel } from '../../core/logger.js';
import type { CacheFlags } from '../options/cache-options.js';
import type { DecodingFlags } from '../options/decoding-options.js';
import { memoryBudget } from '../options/served-model-options.js';
import { chooseOptimizations, type Optimizations } from './choose-optimizations.js';
import { optionOf } from './config-flags.js';
import { flagSettings } from './flag-settings.js';
import { modelFacts } from './model-facts.js';

/** What a command works with once its config was read. */
export interface ConfiguredCommand {
  readonly config: Config;
  /** Values of the command's options that config and environment decided, by the option's name. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
}

/** What says which model the vision half is of. */
const MODELS = ['model.name', 'server.models'] as const satisfies readonly ConfigKey[];

interface ReadOptions extends DecodingFlags, CacheFlags {
  readonly config?: string | false;
  /** A server may have several. */
  readonly model?: string | readonly string[];
  readonly context?: number;
  /** Of a server: requests that run at once. */
  readonly parallel?: number;
}

/**
 * Reads the config for a command whose flags were parsed, and makes options of it. Flags win; defaults are left to the command.
 * @throws as `loadConfig` and `chooseOptimizations`
 */
export async function configureCommand(command: Command): Promise<ConfiguredCommand> {
  const flags = command.opts<ReadOptions>();
  const config = await loadConfig({ file: flags.config, flags: flagSettings(command) });
  const options = new Map<string, unknown>();
  for (const key of CONFIG_KEY_NAMES) {
    const setting = config.settings.get(key);
    const found = optionOf(command, key);
    if (setting === undefined || found === undefined || found.decided) continue;
    if (setting.origin !== 'file' && setting.origin !== 'environment') continue;
    if (key === 'model.mmproj' && MODELS.some((models) => optionOf(command, models) && rank(config, models) < rank(config, key))) continue;
    const name = found.option.attributeName();
    const isList = found.list === true || Array.isArray(found.option.defaultValue);
    options.set(name, isList ? [setting.value].flat() : asOption(name, setting.value));
  }
  const { options: chosen, warnings } = await optimizationsOf(command, config, flags, Object.fromEntries(options));
  for (const [name, value] of Object.entries(chosen)) options.set(name, value);
  return { config, options: Object.fromEntries(options), warnings };
}

/** A value as the option's own parser makes it. */
function asOption(name: string, value: unknown): unknown {
  if (name === 'logLevel') return parseLogLevel(String(value));
  return name === 'memoryBudget' ? memoryBudget(String(value)) : value;
}

/** Who decided a setting: of another's model the vision half is not wanted. */
function rank(config: Config, key: ConfigKey): number {
  return CONFIG_ORIGINS.indexOf(config.settings.get(key)?.origin ?? 'default');
}

async function optimizationsOf(
  command: Command,
  config: Config,
  flags: ReadOptions,
  configured: Partial<ReadOptions>,
): Promise<Optimizations> {
  const asked = CONFIG_KEY_NAMES.filter((key) => {
    const origin = config.settings.get(key)?.origin;
    return optionOf(command, key)?.decided === true && (origin === 'file' || origin === 'environment');
  });
  if (asked.length === 0) return { options: {}, warnings: [] };
  const { model: models, parallel = 1 } = { ...flags, ...configured };
  const [model = 'shapes'] = [models ?? []].flat();
  const sourceOf = (key: ConfigKey): string => {
    const source = config.settings.get(key)?.source;
    return source == null ? key : `${source}: ${key}`;
  };
  return chooseOptimizations({ settings: config.given, flags, facts: await modelFacts(model, parallel), sourceOf });
}
