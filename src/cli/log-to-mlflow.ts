import { join } from 'node:path';
import { dataDirectories } from '../core/data-directories.js';
import { EdgeVlmError } from '../core/errors.js';
import type { RunRecord } from '../core/run-record.js';
import { type MlflowSettings, mlflowSettings } from '../tracking/mlflow/mlflow-settings.js';
import { Spool } from '../tracking/mlflow/spool.js';
import { type SyncReport, syncSpool } from '../tracking/mlflow/sync-spool.js';
import { type LogOptions, toMlflowRun } from '../tracking/mlflow/to-mlflow-run.js';
import type { MlflowOptions } from './options/mlflow-options.js';

/** Where runs wait until MLflow has them: `$EDGEVLM_HOME/spool/mlflow`. */
export function mlflowSpool(): Spool {
  return new Spool(join(dataDirectories().home, 'spool', 'mlflow'));
}

/** @throws EdgeVlmError USAGE where no server is named */
export async function requireMlflow(): Promise<MlflowSettings> {
  const settings = await mlflowSettings();
  if (settings !== undefined) return settings;
  throw new EdgeVlmError('USAGE', 'MLFLOW_TRACKING_URI is not set', {
    hint: 'Set it to the address of an MLflow tracking server, such as http://localhost:5000.',
  });
}

/**
 * Puts a record into the spool and sends it from there. What could not be sent stays there; the report says why.
 * @throws EdgeVlmError of the spool: MLFLOW_BUSY, FILE_UNREADABLE, FILE_UNWRITABLE
 */
export async function logToMlflow(
  record: RunRecord,
  settings: MlflowSettings,
  { mlflowExperiment, mlflowSend }: MlflowOptions,
  more: Pick<LogOptions, 'plan' | 'status'> & { readonly signal?: AbortSignal } = {},
): Promise<SyncReport> {
  const { signal, ...rest } = more;
  const run = toMlflowRun(record, { server: settings.server, experiment: mlflowExperiment, send: mlflowSend, ...rest });
  const spool = mlflowSpool();
  await spool.add(run);
  return syncSpool(spool, settings, { keys: [run.key], ...(signal !== undefined && { signal }) });
}
