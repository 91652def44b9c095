import type { Command } from 'commander';
import type { ConfigKey } from '../../config/config-keys.js';
import { findConfig } from '../../config/find-config.js';
import { parseConfig, type ConfigProblem } from '../../config/parse-config.js';
import { EdgeVlmError } from '../../core/errors.js';
import { optionOf } from '../config/config-flags.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm config check` */
export function configCheck(group: Command, { terminal }: Session): void {
  const command = group
    .command('check')
    .description('Say everything that is wrong with a config file, and which of its keys nothing uses yet.')
    .argument('[file]', 'default: the one that would be in force');
  addOutputOptions(command).action(async (named: string | undefined) => {
    const found = await findConfig({ file: named });
    if (found === undefined) {
      terminal.result({ file: null, valid: true, problems: [], not_used_yet: [] }, 'there is no config file: the defaults are in force');
      return;
    }
    const { file, text } = found;
    const { values, problems } = parseConfig(text, file);
    const notUsedYet = [...values.keys()].filter((key) => !isUsed(commandsOf(group.parent ?? group), key));
    const unused = notUsedYet.map((key) => `${placeOf(file, values.get(key))}: ${key} is correct and not used yet`);
    const wrong = problems.map((problem) => `${placeOf(file, problem)}: ${messageOf(problem)}`);
    const verdict = wrong.length === 0 ? `${file} is correct` : `${file}: ${wrong.length === 1 ? '1 problem' : `${wrong.length} problems`}`;
    terminal.result({ file, valid: problems.length === 0, problems, not_used_yet: notUsedYet }, [...wrong, ...unused, verdict].join('\n'));
    if (problems.length > 0) terminal.exitCode = new EdgeVlmError('CONFIG_INVALID', verdict).exitCode;
  });
}

function placeOf(file: string, place: { readonly line: number; readonly column: number } | undefined): string {
  return place === undefined ? file : `${file}:${place.line}:${place.column}`;
}

function messageOf({ key, message }: ConfigProblem): string {
  return `${key || 'the config'} ${message}`;
}

/** Commands that read a config, at any depth; the one that only shows it uses nothing. */
function commandsOf(command: Command): Command[] {
  const reads = command.name() !== 'show' && command.options.some((option) => option.long === '--config');
  return [...(reads ? [command] : []), ...command.commands.flatMap(commandsOf)];
}

function isUsed(commands: readonly Command[], key: ConfigKey): boolean {
  return commands.some((command) => optionOf(command, key) !== undefined);
}
