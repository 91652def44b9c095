import type { Command } from 'commander';
import { CATALOGUE } from '../../catalogue/catalogue.js';
import { entryNamed } from '../../catalogue/entry-named.js';
import { userFolders } from '../../catalogue/models-folders.js';
import { removeModel } from '../../catalogue/pull/remove-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

interface RemoveOptions {
  readonly model?: string;
  readonly all?: true;
}

/** `edgevlm models rm` */
export function modelsRm(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('rm')
    .description('Remove what `models pull` downloaded, and nothing else.')
    .option('--model <name>', 'which one')
    .option('--all', 'everything that was pulled');
  addOutputOptions(command).action(async ({ model, all }: RemoveOptions) => {
    if ((model === undefined) === (all === undefined)) throw new EdgeVlmError('USAGE', 'pass either --model NAME or --all');
    let count = 0;
    for (const entry of model === undefined ? CATALOGUE : [entryNamed(model)]) {
      signal.throwIfAborted();
      const removed: string[] = [];
      for (const folder of userFolders()) removed.push(...(await removeModel(entry, folder)));
      count += removed.length;
      if (removed.length > 0)
        terminal.result({ model: entry.name, removed }, removed.map((path) => `${entry.name}: ${path} removed`).join('\n'));
    }
    if (count === 0 && model !== undefined) throw new EdgeVlmError('FILE_NOT_FOUND', `nothing of ${model} was pulled`);
    if (count === 0) terminal.note('nothing was pulled');
  });
}
