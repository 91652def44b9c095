import type { MlflowSettings } from '../tracking/mlflow/mlflow-settings.js';
import type { SyncReport } from '../tracking/mlflow/sync-spool.js';
import type { Terminal } from './terminal.js';

/** Tells which runs went to MLflow and where they are, and which did not and why; the exit code is that of the first that did not. */
export function reportSync({ sent, failed, others }: SyncReport, { server }: MlflowSettings, terminal: Terminal): void {
  for (const { key, experimentId, runId, warnings } of sent) {
    const url = `${server.href}#/experiments/${experimentId}/runs/${runId}`;
    terminal.result({ run: key, sent: true, experiment_id: experimentId, run_id: runId, url, warnings }, `${key} is ${url}`);
    for (const warning of warnings) terminal.warning(`${key}: ${warning}`);
  }
  for (const { key, error } of failed) terminal.itemError({ run: key, sent: false }, error);
  for (const { key, server: meant } of others) terminal.note(`${key} waits for ${meant}; --any sends it to ${server.href}`);
}
