import type { Command } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { MlflowClient } from '../../tracking/mlflow/mlflow-client.js';
import { type MlflowSettings, mlflowSettings } from '../../tracking/mlflow/mlflow-settings.js';
import { mlflowSpool } from '../log-to-mlflow.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm mlflow status` */
export function mlflowStatus(group: Command, { terminal, signal }: Session): void {
  const command = group.command('status').description('Say which server runs go to, whether it answers, and what waits.');
  addOutputOptions(command).action(async () => {
    const settings = await mlflowSettings();
    const server = settings?.server.href ?? null;
    const problem = settings === undefined ? null : await troubleWith(settings, signal);
    const state =
      server === null ? 'MLFLOW_TRACKING_URI is not set: nothing is sent' : `${server} ${problem === null ? 'answers' : 'cannot be used'}`;
    terminal.result({ server, answers: server === null ? null : problem === null, error: problem }, state);
    if (problem !== null) terminal.warning(`${problem.message}. ${problem.hint}`);

    const spool = mlflowSpool();
    const keys = await spool.keys();
    for (const key of keys) {
      try {
        const run = await spool.load(key);
        const { sent, failure } = await spool.progress(key, run.server);
        const metrics = run.metrics.length;
        const why = failure === undefined ? '' : `; last time: ${failure.message}`;
        terminal.result(
          { run: key, server: run.server, experiment: run.experiment, metrics, sent: sent.metrics, failure: failure ?? null },
          `${key} waits for ${run.server}, experiment ${run.experiment}: ${sent.metrics} of ${metrics} points are there${why}`,
        );
      } catch (thrown) {
        terminal.itemError({ run: key }, EdgeVlmError.from(thrown));
      }
    }
    if (keys.length === 0) terminal.note('nothing waits');
  });
}

/** Asks for no more than whether the API is there and lets us in. */
async function troubleWith(settings: MlflowSettings, signal: AbortSignal): Promise<EdgeVlmError | null> {
  try {
    await new MlflowClient(settings, signal).ping();
    return null;
  } catch (thrown) {
    return EdgeVlmError.from(thrown);
  }
}
