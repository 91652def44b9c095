import type { Command } from 'commander';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import { RunStore } from '../../tracking/files/run-store.js';
import { findRunId } from '../find-run-id.js';
import { logToMlflow, requireMlflow } from '../log-to-mlflow.js';
import { addMlflowOptions, type MlflowOptions } from '../options/mlflow-options.js';
import { addOutputOptions } from '../options/output-options.js';
import { reportSync } from '../report-sync.js';
import type { Session } from '../session.js';

/** `edgevlm mlflow log` */
export function mlflowLog(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('log')
    .description('Send runs that were made before; a run that is there already is completed, not doubled.');
  command.argument('<run...>', 'their ids, or the start of them, or latest');
  addOutputOptions(addMlflowOptions(command)).action(async (named: readonly string[], options: MlflowOptions) => {
    const settings = await requireMlflow();
    const store = new RunStore(dataDirectories().runs);
    for (const name of named) {
      try {
        const record = await store.load(await findRunId(name));
        reportSync(await logToMlflow(record, settings, options, { signal }), settings, terminal);
      } catch (thrown) {
        terminal.itemError({ run: name }, EdgeVlmError.from(thrown));
      }
    }
  });
}
