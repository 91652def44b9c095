import type { Cell } from '../../core/plan-cell.js';
import type { ProgressEvent } from '../../core/progress.js';
import type { Measurement } from '../../core/run-record.js';
import type { LogitParity } from '../quality/logit-parity.js';

/** A cell, and the hashes of files that the plan knows, so that nothing is read twice. */
export interface RunCell {
  readonly cell: Cell;
  readonly hashes: ReadonlyMap<string, string>;
}

/** Two cells of one scenario that ask the same of the same model. */
export interface ComparedCells {
  readonly reference: Cell;
  readonly subject: Cell;
}

/** Between a plan and the process of one cell. */
export interface CellProtocol {
  run: { request: RunCell; event: ProgressEvent; result: Measurement };
  compareLogits: { request: ComparedCells; event: ProgressEvent; result: LogitParity | null };
}
