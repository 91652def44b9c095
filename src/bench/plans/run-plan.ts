import { EdgeVlmError } from '../../core/errors.js';
import type { Cell, CellRow } from '../../core/plan-cell.js';
import { NO_PROGRESS, type Progress, ProgressTask } from '../../core/progress.js';
import { createRunRecord, type Measurement, type RunRecord, type Score, type Verdict } from '../../core/run-record.js';
import { sha256Json } from '../../core/canonical-json.js';
import type { CellContext } from './cell-runner.js';
import { cellStatus } from './cell-status.js';

/** Where finished cells are kept. */
export interface CellStore {
  /** The row of a finished cell with its record; undefined where it has to be run. */
  finished(key: string): Promise<{ readonly row: CellRow; readonly record: RunRecord } | undefined>;
  /** Whole or not at all: what is killed in the middle leaves a cell that has to be run. */
  save(row: CellRow, record?: RunRecord): Promise<void>;
}

export interface PlanOptions {
  readonly name: string;
  /** In the order they are run. One that occurs twice is run once. */
  readonly cells: readonly Cell[];
  /** @throws what finding the cell's files throws */
  readonly keyOf: (cell: Cell, signal: AbortSignal) => Promise<string>;
  readonly runCell: (cell: Cell, context: CellContext) => Promise<Measurement>;
  /** What is to be said of a cell beside those that were finished before it. @throws CANCELLED */
  readonly judge?: (measured: MeasuredCell, before: readonly FinishedCell[], context: CellContext) => Promise<Judgement>;
  readonly store: CellStore;
  /** Called for every cell as it ends, in order. Its errors end the plan. */
  readonly onRow?: (row: PlanRow) => Promise<void> | void;
  /** Called before a cell is run. */
  readonly onStart?: (cell: Cell) => void;
  readonly onProgress?: Progress;
  readonly signal?: AbortSignal;
}

/** A cell that has just been measured. */
export interface MeasuredCell {
  readonly cell: Cell;
  readonly measurement: Measurement;
}

/** One that has its record. */
export interface FinishedCell {
  readonly cell: Cell;
  readonly record: RunRecord;
}

/** What a record gets beside what was measured. */
export interface Judgement {
  readonly verdicts: readonly Verdict[];
  readonly scores: readonly Score[];
}

export interface PlanRow extends CellRow {
  /** It was finished earlier and was not run. */
  readonly resumed: boolean;
  readonly record?: RunRecord;
  /** Why it failed; not kept. */
  readonly error?: EdgeVlmError;
}

/**
 * Runs the cells one after the other and keeps each as soon as it has ended; a cell that was finished before is not run again. One that
 * fails is a row with its status and never the end of the plan. An abort ends the running cell and leaves it and the rest as `cancelled`.
 * @throws what the store and `onRow` throw
 */
export async function runPlan(options: PlanOptions): Promise<PlanRow[]> {
  const { cells, onProgress = NO_PROGRESS } = options;
  const rows = new Map<string, PlanRow>();
  const task = new ProgressTask(onProgress, { label: options.name, unit: 'cells', total: cells.length });
  try {
    for (const cell of cells) {
      const row = await runOne(cell, rows, options);
      if (row !== undefined) {
        rows.set(row.key, row);
        await options.onRow?.(row);
      }
      task.advance();
    }
  } finally {
    task.end();
  }
  return [...rows.values()];
}

async function runOne(cell: Cell, done: ReadonlyMap<string, PlanRow>, options: PlanOptions): Promise<PlanRow | undefined> {
  const { name, keyOf, store, signal = new AbortController().signal } = options;
  if (signal.aborted) return unidentified(cell, new EdgeVlmError('CANCELLED', 'the plan was stopped before this cell'));
  let key: string;
  try {
    key = await keyOf(cell, signal);
  } catch (thrown) {
    return unidentified(cell, EdgeVlmError.from(thrown));
  }
  if (done.has(key)) return undefined;
  const finished = await store.finished(key);
  if (finished !== undefined) return { ...finished.row, record: finished.record, resumed: true };
  const before = [...done.values()].flatMap(({ cell: earlier, record }) => (record === undefined ? [] : [{ cell: earlier, record }]));
  const result = await measure(cell, before, signal, options);
  if (result instanceof EdgeVlmError) {
    const row = failedRow(key, cell, result);
    if (row.status !== 'cancelled') await store.save(row);
    return { ...row, error: result, resumed: false };
  }
  const record: RunRecord = { ...result, cell: { plan: name, key, round: cell.round } };
  const row: CellRow = { key, cell, status: 'ok', runId: record.id };
  await store.save(row, record);
  return { ...row, record, resumed: false };
}

/** The record of a cell, or how it failed. */
async function measure(
  cell: Cell,
  before: readonly FinishedCell[],
  signal: AbortSignal,
  { runCell, judge, onStart, onProgress }: PlanOptions,
): Promise<RunRecord | EdgeVlmError> {
  onStart?.(cell);
  try {
    const context = { signal, onProgress: onProgress ?? NO_PROGRESS };
    const measurement = await runCell(cell, context);
    const judged = await judge?.({ cell, measurement }, before, context);
    if (judged === undefined) return createRunRecord(measurement);
    const scores = [...(measurement.scores ?? []), ...judged.scores];
    return createRunRecord({
      ...measurement,
      verdicts: [...measurement.verdicts, ...judged.verdicts],
      ...(scores.length > 0 && { scores }),
    });
  } catch (thrown) {
    return EdgeVlmError.from(thrown);
  }
}

/** A cell whose files were not found, or not looked for, has a key of its own and is never kept. */
function unidentified(cell: Cell, error: EdgeVlmError): PlanRow {
  return { ...failedRow(sha256Json({ unidentified: cell }), cell, error), error, resumed: false };
}

function failedRow(key: string, cell: Cell, error: EdgeVlmError): CellRow {
  return { key, cell, status: cellStatus(error), message: `${error.code}: ${error.message}` };
}
