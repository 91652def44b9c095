import type { Plan } from '../bench/plans/parse-plan.js';
import { sha256Json } from '../core/canonical-json.js';
import { EdgeVlmError } from '../core/errors.js';
import type { RunRecord } from '../core/run-record.js';
import { type MlflowSettings, mlflowSettings } from '../tracking/mlflow/mlflow-settings.js';
import { syncSpool, type SyncReport } from '../tracking/mlflow/sync-spool.js';
import { type LogOptions, planToMlflowRun } from '../tracking/mlflow/to-mlflow-run.js';
import { logToMlflow, mlflowSpool } from './log-to-mlflow.js';
import type { RunLogOptions } from './options/mlflow-options.js';
import type { Session } from './session.js';

/** What holds several runs together there: a run of its own, whose children they are. */
export interface LoggedPlan {
  /** The same each time, so that what is resumed goes to the same run. */
  readonly key: string;
  /** A term of ours; somebody's own words only where names may be sent. */
  readonly name: string;
}

/** A plan file or matrix as it is logged. */
export function loggedPlan({ name, cells, rounds }: Plan, { mlflowSend }: RunLogOptions): LoggedPlan {
  return { key: `plan-${sha256Json([name, cells, rounds]).slice(0, 32)}`, name: mlflowSend.has('names') ? name : 'plan' };
}

/**
 * Where the runs of a command are logged: to MLflow where MLFLOW_TRACKING_URI names a server, else nowhere, and then it says nothing.
 * A server that is away costs a warning and not the measurement: the run waits in the spool.
 */
export class RunLog {
  private constructor(
    private readonly settings: MlflowSettings | undefined,
    private readonly options: RunLogOptions,
    private readonly session: Session,
  ) {}

  /** Call it before anything is measured. @throws EdgeVlmError USAGE for settings of MLflow that are wrong */
  static async open(options: RunLogOptions, session: Session): Promise<RunLog> {
    return new RunLog(options.mlflow ? await mlflowSettings() : undefined, options, session);
  }

  /** Never throws. */
  async log(record: RunRecord, more: Pick<LogOptions, 'plan' | 'status'> = {}): Promise<void> {
    await this.#send((settings) => logToMlflow(record, settings, this.options, { ...more, signal: this.session.signal }));
  }

  /** Ends the run that holds a plan's runs. Never throws. */
  async logPlan(
    plan: LoggedPlan & { readonly startTime_ms: number; readonly endTime_ms: number },
    status: NonNullable<LogOptions['status']>,
  ): Promise<void> {
    await this.#send(async (settings) => {
      const spool = mlflowSpool();
      const { server } = settings;
      await spool.add(planToMlflowRun(plan, { server, experiment: this.options.mlflowExperiment, status }));
      return syncSpool(spool, settings, { keys: [plan.key], signal: this.session.signal });
    });
  }

  async #send(work: (settings: MlflowSettings) => Promise<SyncReport>): Promise<void> {
    const { settings } = this;
    const { terminal } = this.session;
    if (settings === undefined) return;
    try {
      const { sent, failed } = await work(settings);
      for (const { key, experimentId, runId, warnings } of sent) {
        terminal.note(`MLflow: ${key} is ${settings.server.href}#/experiments/${experimentId}/runs/${runId}`);
        for (const warning of warnings) terminal.warning(`MLflow: ${warning}`);
      }
      for (const { key, error } of failed) terminal.warning(`MLflow does not have ${key} yet: ${error.message}. ${error.hint}`);
    } catch (thrown) {
      const error = EdgeVlmError.from(thrown);
      terminal.warning(`MLflow: ${error.message}. ${error.hint}`);
    }
  }
}
