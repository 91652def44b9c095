import type { Cell } from '../../core/plan-cell.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Measurement } from '../../core/run-record.js';
import { knownHashes } from '../../core/sha256-file.js';
import { ChildProcess } from '../../host/child-process.js';
import type { LogitParity } from '../quality/logit-parity.js';
import { CELL_EXEC_ARGV } from './cell-exec-argv.js';
import type { CellProtocol, ComparedCells } from './cell-protocol.js';
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
export function runCellProcess(cell: Cell, options: CellProcessOptions): Promise<Measurement> {
  return inCellProcess(options, (child, request) => child.request('run', { cell, hashes: knownHashes() }, request));
}

/** Compares what the models of two cells would choose from, as `CellRunner.compareLogits`, in a process like that of a cell. @throws the same */
export function compareLogitsProcess(cells: ComparedCells, options: CellProcessOptions): Promise<LogitParity | null> {
  return inCellProcess(options, (child, request) => child.request('compareLogits', cells, request));
}

interface RequestOptions {
  readonly signal: AbortSignal;
  readonly onEvent: CellContext['onProgress'];
  readonly deadline_ms: number;
}

async function inCellProcess<T>(
  { entry, timeout_ms, signal, onProgress }: CellProcessOptions,
  work: (child: ChildProcess<CellProtocol>, options: RequestOptions) => Promise<T>,
): Promise<T> {
  const child = await ChildProcess.start<CellProtocol>(entry, {
    name: "the cell's process",
    // Without this ggml would start a debugger to print its own backtrace.
    env: { GGML_NO_BACKTRACE: '1' },
    execArgv: CELL_EXEC_ARGV,
    cancelGrace_ms: CANCEL_GRACE_MS,
  });
  try {
    return await work(child, { signal, onEvent: onProgress, deadline_ms: timeout_ms });
  } catch (thrown) {
    if (signal.aborted) throw new EdgeVlmError('CANCELLED', 'stopped on request', { cause: thrown });
    throw thrown;
  } finally {
    await child.stop();
  }
}
