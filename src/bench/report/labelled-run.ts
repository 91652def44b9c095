import type { RunRecord } from '../../core/run-record.js';

/** A run and what it is called among those of one report. */
export interface LabelledRun {
  readonly label: string;
  readonly record: RunRecord;
}
