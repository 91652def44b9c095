import type { Command } from 'commander';
import { syncSpool } from '../../tracking/mlflow/sync-spool.js';
import { mlflowSpool, requireMlflow } from '../log-to-mlflow.js';
import { addOutputOptions } from '../options/output-options.js';
import { reportSync } from '../report-sync.js';
import type { Session } from '../session.js';

/** `edgevlm mlflow sync` */
export function mlflowSync(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('sync')
    .description('Send what waits; what the server has already is not sent again.')
    .option('--any', 'also what was meant for another server', false);
  addOutputOptions(command).action(async ({ any }: { readonly any: boolean }) => {
    const settings = await requireMlflow();
    const report = await syncSpool(mlflowSpool(), settings, { anyServer: any, signal });
    reportSync(report, settings, terminal);
    if (report.sent.length + report.failed.length === 0) terminal.note('nothing waits for this server');
  });
}
