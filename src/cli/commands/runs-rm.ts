import type { Command } from 'commander';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import { RunStore } from '../../tracking/files/run-store.js';
import { mlflowSpool } from '../log-to-mlflow.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm runs rm` */
export function runsRm(group: Command, { terminal }: Session): void {
  const command = group.command('rm').description('Remove runs from this machine.');
  // Whole ids only: what is removed is gone.
  command.argument('<run...>', 'their ids');
  addOutputOptions(command).action(async (ids: readonly string[]) => {
    const store = new RunStore(dataDirectories().runs);
    const waiting = await mlflowSpool().keys();
    for (const id of ids) {
      try {
        await store.remove(id);
        terminal.result({ removed: id }, `${id} removed`);
        if (waiting.includes(id)) terminal.note(`${id} still waits for MLflow; \`edgevlm mlflow drop ${id}\` removes that, too`);
      } catch (thrown) {
        terminal.itemError({ run: id }, EdgeVlmError.from(thrown));
      }
    }
  });
}
