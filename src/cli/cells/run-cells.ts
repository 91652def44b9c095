import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cellKey } from '../../bench/plans/cell-key.js';
import { checkCellSettings, type CellRunner } from '../../bench/plans/cell-runner.js';
import { orderCells } from '../../bench/plans/order-cells.js';
import { judgeParity } from '../../bench/plans/judge-parity.js';
import type { Plan } from '../../bench/plans/parse-plan.js';
import { compareLogitsProcess, runCellProcess } from '../../bench/plans/run-cell-process.js';
import { type CellStore as PlanStore, type PlanOptions, type PlanRow, runPlan } from '../../bench/plans/run-plan.js';
import { describeEnvironment } from '../../bench/probes/environment.js';
import { sha256Json } from '../../core/canonical-json.js';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Cell } from '../../core/plan-cell.js';
import { withProcessLock } from '../../core/process-lock.js';
import { siblingEntry } from '../../host/sibling-entry.js';
import { CellStore } from '../../tracking/files/cell-store.js';
import { RunStore } from '../../tracking/files/run-store.js';
import type { Session } from '../session.js';
import { cellRunner } from './cell-runners.js';

export interface RunCellsOptions {
  /** Measure finished cells again, too. */
  readonly again?: boolean;
  readonly onStart?: (cell: Cell) => void;
  readonly onRow?: (row: PlanRow) => Promise<void> | void;
}

/**
 * Runs a plan, a process for each cell. What is finished stays in the run store and in `$EDGEVLM_HOME/cells`, whatever ends this process.
 * @throws USAGE for a scenario or setting that does not exist, before anything is measured; FILE_UNWRITABLE
 */
export async function runCells(
  { name, order, rounds, timeout_ms, cells }: Plan,
  { terminal, signal }: Session,
  { again = false, onStart, onRow }: RunCellsOptions = {},
): Promise<PlanRow[]> {
  const runners = new Map<string, CellRunner>();
  for (const { scenario, settings } of cells) {
    const runner = runners.get(scenario) ?? (await cellRunner(scenario));
    runners.set(scenario, runner);
    checkCellSettings(runner, scenario, settings);
  }
  const { edgevlm, commit } = await describeEnvironment();
  const version = [edgevlm ?? 'unknown', ...(commit === null ? [] : [commit])].join('+');
  const entry = siblingEntry('../cell-worker', import.meta.url);
  const { home, runs } = dataDirectories();
  const options: PlanOptions = {
    name,
    cells: orderCells(cells, order, rounds),
    keyOf: async (cell, stopped) => {
      const runner = runners.get(cell.scenario);
      if (runner === undefined) throw new EdgeVlmError('INTERNAL', `no runner for ${cell.scenario}`);
      return cellKey(cell, { files: await runner.identify(cell.settings, stopped), edgevlm: version });
    },
    runCell: (cell, context) => runCellProcess(cell, { entry, timeout_ms, ...context }),
    judge: (measured, before, context) =>
      judgeParity(measured, before, (cells, inner) => compareLogitsProcess(cells, { entry, timeout_ms, ...inner }), context),
    store: storeOf(new CellStore(join(home, 'cells'), new RunStore(runs)), again),
    onProgress: terminal.progress,
    signal,
    ...(onStart && { onStart }),
    ...(onRow && { onRow }),
  };
  return planAlone(home, { name, cells }, () => runPlan(options));
}

/** Runs a plan while no other process runs it: they would measure the same cells, and each other. @throws PLAN_BUSY, FILE_UNWRITABLE */
async function planAlone<T>(home: string, plan: Pick<Plan, 'name' | 'cells'>, work: () => Promise<T>): Promise<T> {
  const folder = join(home, 'plans');
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${folder} cannot be made`, { cause });
  });
  const busy = (holder: number | undefined): EdgeVlmError =>
    new EdgeVlmError(
      'PLAN_BUSY',
      `${holder === undefined ? 'another process' : `process ${holder}`} runs the plan ${plan.name} in ${home}`,
    );
  return withProcessLock(join(folder, `${sha256Json({ ...plan }).slice(0, 32)}.lock`), busy, work);
}

function storeOf(store: CellStore, again: boolean): PlanStore {
  return again ? { finished: () => Promise.resolve(undefined), save: (row, record) => store.save(row, record) } : store;
}
