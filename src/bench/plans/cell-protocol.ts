import type { Cell } from '../../core/plan-cell.js';
import type { ProgressEvent } from '../../core/progress.js';
import type { Measurement } from '../../core/run-record.js';

/** Between a plan and the process of one cell. */
export interface CellProtocol {
  run: { request: Cell; event: ProgressEvent; result: Measurement };
}
