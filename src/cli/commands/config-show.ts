import type { Command } from 'commander';
import { CONFIG_ORIGINS } from '../../config/load-config.js';
import { columns } from '../columns.js';
import { configureCommand } from '../config/configure-command.js';
import { addCacheOptions } from '../options/cache-options.js';
import { addConfigFlags } from '../options/config-option.js';
import { addDecodingOptions } from '../options/decoding-options.js';
import { addGenerationOptions } from '../options/generation-options.js';
import { addModelOptions } from '../options/model-options.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm config show` */
export function configShow(group: Command, { terminal }: Session): void {
  const command = group
    .command('show')
    .description(`Show every setting and who decided it: ${CONFIG_ORIGINS.join(' over ')}. Flags are those of caption, vqa and generate.`);
  addConfigFlags(addGenerationOptions(addCacheOptions(addDecodingOptions(addModelOptions(command)))));
  addOutputOptions(command).action(async () => {
    const { config, options, warnings } = await configureCommand(command);
    const settings = [...config.settings.values()];
    const rows = settings.map(({ key, value, origin, source }) => [key, shown(value), origin, source ?? '']);
    const decided = Object.entries(options).map(([name, value]) => [name, shown(value)]);
    const lines = [
      `file: ${config.file ?? 'none'}`,
      ...columns([['setting', 'value', 'origin', 'from'], ...rows]),
      ...(decided.length === 0 ? [] : ['', 'handed to the command, as fits the model:', ...columns(decided)]),
    ];
    terminal.result({ file: config.file, settings, effective: options, warnings }, lines.join('\n'));
    for (const warning of warnings) terminal.warning(warning);
  });
}

function shown(value: unknown): string {
  return value === null ? 'automatic' : typeof value === 'string' ? value : JSON.stringify(value);
}
