import type { Cell } from '../../core/plan-cell.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Measurement } from '../../core/run-record.js';
import { ChildProcess } from '../../host/child-process.js';
import { CELL_EXEC_ARGV } from './cell-exec-argv.js';
import type { CellProtocol } from './cell-protocol.js';
import type { CellContext } from './cell-runner.js';

export interface CellProcessOptions extends CellContext {
  /** Module that calls `serveCells`. */
  readonly entry: URL;
  /** A cell that takes longer is ended: ENGINE_TIMEOUT. */
  readonly timeout_ms: number;
}

/** How long a cancelled cell may take to end, and then its process, before it is killed. */
const CANCEL_GRACE_MS = 5000;

/**
 * Runs one cell in a process of its own, which is gone when this returns: nothing of one cell, neither memory nor a spoilt library, is
 * there when the next begins.
 * @throws what the cell throws; ENGINE_TIMEOUT, ENGINE_CRASHED with how the process died, CANCELLED
 */
export async function runCellProcess(cell: Cell, { entry, timeout_ms, signal, onProgress }: CellProcessOptions): Promise<Measurement> {
  const child = await ChildProcess.start<CellProtocol>(entry, {
    name: "the cell's process",
    // Without this ggml would start a debugger to print its own backtrace.
    env: { GGML_NO_BACKTRACE: '1' },
    execArgv: CELL_EXEC_ARGV,
    cancelGrace_ms: CANCEL_GRACE_MS,
  });
  try {
    return await child.request('run', cell, { signal, onEvent: onProgress, deadline_ms: timeout_ms });
  } catch (thrown) {
    if (signal.aborted) throw new EdgeVlmError('CANCELLED', 'stopped on request', { cause: thrown });
    throw thrown;
  } finally {
    await child.stop();
  }
}
