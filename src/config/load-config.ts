import { EdgeVlmError } from '../core/errors.js';
import { CONFIG_KEY_NAMES, type ConfigKey, schemaOf, type Settings } from './config-keys.js';
import { environmentName, readEnvironment } from './environment.js';
import { findConfig, type ConfigPlace } from './find-config.js';
import { parseConfig } from './parse-config.js';

/** Who decided a setting; the first wins. */
export const CONFIG_ORIGINS = ['flag', 'environment', 'file', 'default'] as const;
export type ConfigOrigin = (typeof CONFIG_ORIGINS)[number];

/** A setting in force. */
export interface Setting {
  readonly key: ConfigKey;
  /** null where the choice is left to what it configures: the model, the processor. */
  readonly value: unknown;
  readonly origin: ConfigOrigin;
  /** The flag, the variable, or `config.yaml:7:5`; null for a default. */
  readonly source: string | null;
}

/** A setting that was given with a flag. */
export interface FlagSetting {
  readonly value: unknown;
  /** For example `--threads`. */
  readonly flag: string;
}

export interface ConfigRequest extends ConfigPlace {
  /** They win over everything. Their values were checked where they were parsed. */
  readonly flags?: ReadonlyMap<ConfigKey, FlagSetting>;
}

export interface Config {
  /** The file in force; null without one. */
  readonly file: string | null;
  /** All keys. */
  readonly settings: ReadonlyMap<ConfigKey, Setting>;
  /** What flags, environment or file gave: defaults are left to what the keys configure. */
  readonly given: Settings;
}

/**
 * The settings in force: flags over environment over file over defaults.
 * @throws CONFIG_INVALID with the line and column of the first problem; FILE_NOT_FOUND for a file that was named
 */
export async function loadConfig(request: ConfigRequest = {}): Promise<Config> {
  const { env = process.env, flags = new Map<ConfigKey, FlagSetting>() } = request;
  const found = await findConfig(request);
  const parsed = found === undefined ? undefined : parseConfig(found.text, found.file);
  const [problem] = parsed?.problems ?? [];
  if (problem !== undefined) {
    const { line, column, key, message } = problem;
    throw new EdgeVlmError('CONFIG_INVALID', `${found?.file ?? ''}:${line}:${column}: ${key || 'the config'} ${message}`);
  }
  const environment = readEnvironment(env);
  const settings = new Map<ConfigKey, Setting>();
  const given = new Map<ConfigKey, unknown>();
  for (const key of CONFIG_KEY_NAMES) {
    const flag = flags.get(key);
    const inFile = parsed?.values.get(key);
    const setting: Setting =
      flag !== undefined
        ? { key, value: flag.value, origin: 'flag', source: flag.flag }
        : environment.has(key)
          ? { key, value: environment.get(key), origin: 'environment', source: environmentName(key) }
          : inFile !== undefined
            ? { key, value: inFile.value, origin: 'file', source: `${found?.file ?? ''}:${inFile.line}:${inFile.column}` }
            : { key, value: schemaOf(key).default ?? null, origin: 'default', source: null };
    settings.set(key, setting);
    if (setting.origin !== 'default') given.set(key, setting.value);
  }
  return { file: found?.file ?? null, settings, given: asSettings(given) };
}

/** Each value was checked against its key's schema, or is what a flag's parser made. */
function asSettings(values: ReadonlyMap<ConfigKey, unknown>): Settings {
  return Object.fromEntries(values);
}
