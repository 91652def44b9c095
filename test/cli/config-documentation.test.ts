import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEY_NAMES, schemaOf } from '../../src/config/config-keys.js';
import { parseConfig } from '../../src/config/parse-config.js';
import { optionOf } from '../../src/cli/config/config-flags.js';
import { addCacheOptions } from '../../src/cli/options/cache-options.js';
import { addDecodingOptions } from '../../src/cli/options/decoding-options.js';
import { addGenerationOptions } from '../../src/cli/options/generation-options.js';
import { addModelOptions } from '../../src/cli/options/model-options.js';
import { addOutputOptions } from '../../src/cli/options/output-options.js';
import { addServedModelOptions } from '../../src/cli/options/served-model-options.js';
import { addServerOptions } from '../../src/cli/options/server-options.js';

const textOf = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The keys of the EdgeVLM document's config. */
const SEED_KEYS = [
  'optimizations.speculative_decoding.enabled',
  'optimizations.speculative_decoding.draft_tokens',
  'optimizations.kv_cache_compression.gear_enabled',
  'optimizations.kv_cache_compression.pyramid_enabled',
  'optimizations.early_exit.enabled',
  'optimizations.early_exit.confidence_threshold',
  'optimizations.early_exit.exit_layers',
  'inference.num_threads',
  'inference.temperature',
  'inference.top_p',
  'max_cache_size_mb',
];

describe('docs/CONFIGURATION.md', () => {
  it('has a row for every key, with its default, its flag and what it means', async () => {
    const commands = [
      addOutputOptions(addGenerationOptions(addCacheOptions(addDecodingOptions(addModelOptions(new Command()))))),
      addServedModelOptions(addServerOptions(new Command('serve'))),
    ];
    const code = (text: string | undefined): string => (text === undefined ? '' : `\`${text}\``);
    const rows = CONFIG_KEY_NAMES.map((key) => {
      const { default: value, description = '' } = schemaOf(key);
      const flag = commands.flatMap((command) => optionOf(command, key)?.option.long ?? [])[0];
      return [code(key), code(typeof value === 'string' ? value : JSON.stringify(value)), code(flag), description].join(' | ');
    });
    const table = (await textOf('docs/CONFIGURATION.md')).split('\n').filter((line) => line.startsWith('| `'));
    const cells = (line: string): string =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
        .join(' | ');
    expect(table.map(cells)).toEqual(rows);
  });
});

describe('config.example.yaml', () => {
  it("is correct, and holds the seed document's keys and no others", async () => {
    const { values, problems } = parseConfig(await textOf('config.example.yaml'), 'config.example.yaml');
    expect(problems).toEqual([]);
    expect([...values.keys()].sort()).toEqual(SEED_KEYS.toSorted());
  });
});
