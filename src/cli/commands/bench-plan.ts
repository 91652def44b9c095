import type { Command } from 'commander';
import { parsePlan, type Plan } from '../../bench/plans/parse-plan.js';
import type { PlanRow } from '../../bench/plans/run-plan.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Cell } from '../../core/plan-cell.js';
import { runCells } from '../cells/run-cells.js';
import { columns } from '../columns.js';
import { addRunLogOptions, type RunLogOptions } from '../options/mlflow-options.js';
import { addOutputOptions } from '../options/output-options.js';
import { loggedPlan, RunLog } from '../run-log.js';
import type { Session } from '../session.js';
import { readPlan } from './read-plan.js';

interface BenchPlanOptions extends RunLogOptions {
  readonly again?: true;
}

/** `edgevlm bench plan FILE`: every cell of a plan in a process of its own; what is finished is not measured again. */
export function benchPlan(bench: Command, session: Session): void {
  const command = bench
    .command('plan')
    .description('Measure every cell of a plan (YAML), each in a process of its own; run it again to go on where it stopped.')
    .argument('<file>', 'the plan; docs/PLANS.md describes it')
    .option('--again', 'measure finished cells again, too');
  addOutputOptions(addRunLogOptions(command)).action(async (file: string, options: BenchPlanOptions) => {
    const { terminal, signal } = session;
    const plan = parsePlan(await readPlan(file), file);
    const log = await RunLog.open(options, session);
    const [logged, startTime_ms] = [loggedPlan(plan, options), Date.now()];
    const label = cellLabels(plan);
    const rows = await runCells(plan, session, {
      again: options.again === true,
      onStart: (cell) => {
        terminal.note(`${label(cell)} …`);
      },
      onRow: async ({ key, cell, status, runId, resumed, error, record }) => {
        const row = { key, cell, status, ...(runId !== undefined && { runId }), resumed };
        if (error !== undefined && status !== 'cancelled') terminal.itemError(row, error);
        else if (terminal.json) terminal.result(row, '');
        if (record !== undefined) await log.log(record, { plan: logged });
      },
    });
    if (!terminal.json) for (const line of columns([HEADINGS, ...rows.map((row) => cellsOf(row, label))])) terminal.write(`${line}\n`);
    await log.logPlan({ ...logged, startTime_ms, endTime_ms: Date.now() }, signal.aborted ? 'KILLED' : 'FINISHED');
    if (signal.aborted) {
      const finished = rows.filter(({ status }) => status === 'ok').length;
      throw new EdgeVlmError('CANCELLED', `stopped; ${finished} of ${rows.length} cells are finished`, {
        hint: 'Run the same command again: finished cells are not measured again.',
      });
    }
  });
}

const HEADINGS = ['cell', 'status', 'run'];

function cellsOf({ cell, status, runId, resumed, error }: PlanRow, label: (cell: Cell) => string): string[] {
  return [label(cell), resumed ? `${status} (earlier)` : status, runId ?? error?.code ?? ''];
}

/** A cell by what sets it apart from the others of its plan. */
function cellLabels({ cells, rounds }: Plan): (cell: Cell) => string {
  const names = [...new Set(cells.flatMap(({ settings }) => Object.keys(settings)))];
  const varying = names.filter((name) => new Set(cells.map(({ settings }) => settings[name])).size > 1);
  return ({ scenario, settings, round }) =>
    [
      scenario,
      ...varying.filter((name) => settings[name] !== undefined).map((name) => `${name}=${settings[name]}`),
      ...(rounds > 1 ? [`round ${round}`] : []),
    ].join(' ');
}
