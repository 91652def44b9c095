import type { Command } from 'commander';
import type { Session } from '../session.js';
import { mlflowDrop } from './mlflow-drop.js';
import { mlflowLog } from './mlflow-log.js';
import { mlflowStatus } from './mlflow-status.js';
import { mlflowSync } from './mlflow-sync.js';

/** `edgevlm mlflow …` */
export function mlflow(program: Command, session: Session): void {
  const group = program
    .command('mlflow')
    .description('Send runs to an MLflow tracking server (MLFLOW_TRACKING_URI), and see what still waits.');
  for (const add of [mlflowLog, mlflowSync, mlflowStatus, mlflowDrop]) add(group, session);
}
