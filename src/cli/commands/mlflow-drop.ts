import type { Command } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { mlflowSpool } from '../log-to-mlflow.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm mlflow drop` */
export function mlflowDrop(group: Command, { terminal }: Session): void {
  const command = group.command('drop').description('Give up sending runs. Their records stay in the run store.');
  command.argument('<run...>', 'their ids, as `mlflow status` shows them');
  addOutputOptions(command).action(async (keys: readonly string[]) => {
    const spool = mlflowSpool();
    await spool.locked(async () => {
      for (const key of keys) {
        if (await spool.remove(key)) terminal.result({ dropped: key }, `${key} will not be sent`);
        else
          terminal.itemError(
            { run: key },
            new EdgeVlmError('FILE_NOT_FOUND', `${key} does not wait for MLflow`, { hint: 'Run `edgevlm mlflow status`.' }),
          );
      }
    });
  });
}
