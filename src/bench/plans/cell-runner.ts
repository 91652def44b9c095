import type { TObject } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import type { Measurement, Settings } from '../../core/run-record.js';
import type { LogitParity } from '../quality/logit-parity.js';

export interface CellContext {
  readonly signal: AbortSignal;
  readonly onProgress: Progress;
}

/** A scenario as a plan runs it. One object without state; nothing native is loaded by importing it. */
export interface CellRunner {
  /** What a cell may set: a strict object of strings, numbers, booleans and nulls. */
  readonly settings: TObject;
  /**
   * SHA-256 of every file the result depends on, by role. Called in the plan's own process, before the cell is started, with settings that fit.
   * @throws what finding the files throws: the cell's row then has that error
   */
  identify(settings: Settings, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /**
   * Measures, in a process of the cell's own, with settings that fit. Its errors decide the row's status (`cell-status.ts`).
   * @throws CANCELLED soon after the signal aborts
   */
  run(settings: Settings, context: CellContext): Promise<Measurement>;
  /**
   * Leads the model of one cell along the answers of another's, in a process of their own. Absent where a scenario has no such answers.
   * @returns null where a runtime does not tell logits, or nobody wants them @throws what opening the models and asking them throws
   */
  compareLogits?(reference: Settings, subject: Settings, context: CellContext): Promise<LogitParity | null>;
}

/** Refuses a setting that a scenario does not have, and a value of the wrong kind, before anything is measured. @throws USAGE */
export function checkCellSettings({ settings: schema }: CellRunner, scenario: string, settings: Settings): void {
  if (Value.Check(schema, settings)) return;
  const known = new Set(Object.keys(schema.properties));
  const unknown = Object.keys(settings).find((name) => !known.has(name));
  const error = Value.Errors(schema, settings)[0];
  const problem =
    unknown === undefined
      ? `the setting ${error?.instancePath.slice(1) ?? ''} of ${scenario} ${error?.message ?? 'does not fit'}`
      : `${scenario} has no setting ${unknown}`;
  throw new EdgeVlmError('USAGE', problem, { hint: `The settings of ${scenario} are: ${[...known].join(', ')}.` });
}
