import type { ErrorRecord } from '../../../core/errors.js';
import type { RunRecord } from '../../../core/run-record.js';
import type { LabelledRun } from '../../report/labelled-run.js';
import { precisionRow, type PrecisionRow } from './precision-row.js';
import type { PrecisionFailure } from './precisions-scenario.js';

/** One half of the model in one precision. */
export interface PrecisionPart {
  readonly precision: string;
  readonly role: 'model' | 'mmproj';
  /** False for the file that was given. */
  readonly quantised: boolean;
  /** How many tensors are of each type. */
  readonly tensors: Readonly<Record<string, number>>;
}

/** A precision that could not be run to the end. */
export interface FailedRow {
  readonly precision: string;
  readonly status: PrecisionFailure['status'];
  readonly error: ErrorRecord;
}

/** Everything a report on precisions shows; what is written as JSON. */
export interface PrecisionsResults {
  readonly schemaVersion: 1;
  readonly command: string;
  readonly createdAt: string;
  /** What the user called the model. */
  readonly model: string;
  /** The precision that the others are compared with. */
  readonly reference: string;
  /** Pictures asked for, and those that every precision has finished. */
  readonly count: number;
  readonly pictures: number;
  readonly precisions: readonly (PrecisionRow | FailedRow)[];
  readonly parts: readonly PrecisionPart[];
  readonly runs: readonly RunRecord[];
}

export interface CollectOptions extends Pick<PrecisionsResults, 'model' | 'count' | 'parts'> {
  /** In the order that was asked for. */
  readonly names: readonly string[];
  /** At least one, by precision; the first is the reference. */
  readonly runs: readonly [LabelledRun, ...LabelledRun[]];
  readonly failures: readonly PrecisionFailure[];
}

export function collectPrecisions({ names, runs, failures, ...rest }: CollectOptions): PrecisionsResults {
  const [{ label: reference, record }] = runs;
  const rows = new Map<string, PrecisionRow | FailedRow>(runs.map((run) => [run.label, precisionRow(run)]));
  for (const failure of failures) rows.set(failure.name, failedRow(failure));
  return {
    schemaVersion: 1,
    command: record.command,
    createdAt: record.createdAt,
    reference,
    pictures: Math.min(...runs.map((run) => precisionRow(run).pictures)),
    ...rest,
    // One that was not reached before the run was stopped has no row.
    precisions: names.flatMap((name) => rows.get(name) ?? []),
    runs: runs.map((run) => run.record),
  };
}

function failedRow({ name, status, error }: PrecisionFailure): FailedRow {
  return { precision: name, status, error: error.toJSON() };
}
