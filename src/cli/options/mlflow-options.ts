import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_EXPERIMENT } from '../../tracking/mlflow/to-mlflow-run.js';
import { type Withheld, WITHHELD } from '../../tracking/mlflow/withhold.js';

/** Where in MLflow a run goes, and how much of it. */
export interface MlflowOptions {
  readonly mlflowExperiment: string;
  readonly mlflowSend: ReadonlySet<Withheld>;
}

/** Whether a measurement is logged, too. */
export interface RunLogOptions extends MlflowOptions {
  /** False with `--no-mlflow`. */
  readonly mlflow: boolean;
}

/** For commands that measure. */
export function addRunLogOptions(command: Command): Command {
  return addMlflowOptions(command).option('--no-mlflow', 'do not log this to MLflow, wherever MLFLOW_TRACKING_URI points');
}

export function addMlflowOptions(command: Command): Command {
  return command
    .option('--mlflow-experiment <name>', 'experiment to log to', (process.env['MLFLOW_EXPERIMENT_NAME'] ?? '') || DEFAULT_EXPERIMENT)
    .option(
      '--mlflow-send <list>',
      `what else may be sent: ${WITHHELD.join(',')} or all; default: figures, settings, hashes`,
      sendList,
      new Set<Withheld>(),
    );
}

function sendList(text: string): ReadonlySet<Withheld> {
  const words = text.split(',').map((word) => word.trim());
  if (words.includes('all')) return new Set(WITHHELD);
  const kinds = words.flatMap((word) => WITHHELD.filter((kind) => kind === word));
  if (kinds.length !== words.length)
    throw new InvalidArgumentError(`Expected some of ${WITHHELD.join(', ')}, separated by commas, or all.`);
  return new Set(kinds);
}
