import { EdgeVlmError } from '../../core/errors.js';
import { withProcessLock } from '../../core/process-lock.js';

/** Runs `work` while no other process sends what is in the spool. @throws EdgeVlmError MLFLOW_BUSY when one does; FILE_UNWRITABLE */
export function withSpoolLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const busy = (holder: number | undefined): EdgeVlmError =>
    new EdgeVlmError('MLFLOW_BUSY', `${holder === undefined ? 'another process' : `process ${holder}`} is sending to MLflow`);
  return withProcessLock(lock, busy, work);
}
