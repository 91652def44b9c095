import { parsePlan, type Plan } from '../../bench/plans/parse-plan.js';
import type { PlanRow } from '../../bench/plans/run-plan.js';
import { NvidiaSmiProbe } from '../../bench/probes/nvidia-smi.js';
import { metricsOf } from '../../bench/scenarios/vlm/vlm-results.js';
import { vlmTable } from '../../bench/scenarios/vlm/vlm-table.js';
import { scoreFields } from '../../bench/quality/score-fields.js';
import { EdgeVlmError } from '../../core/errors.js';
import { QUANTIZATIONS, type Device, type RuntimeName } from '../../core/runtime.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import { runCells } from '../cells/run-cells.js';
import { loggedPlan, RunLog } from '../run-log.js';
import type { Session } from '../session.js';
import { readPlan } from './read-plan.js';
import { cellSettings, type BenchVlmOptions } from './vlm-options.js';
import { writeResults } from './write-results.js';

/** Those that read pictures and are tried where none is named, if they are ready. */
const MATRIX_RUNTIMES = ['engine', 'llama-server', 'transformers-js', 'python'] as const satisfies readonly RuntimeName[];
const CELL_TIMEOUT_MS = 3_600_000;

/** Every combination of models, runtimes, devices and quantizations, each in a process of its own. @throws USAGE, CANCELLED */
export async function benchVlmMatrix(options: BenchVlmOptions & { readonly imageDir: string }, session: Session): Promise<void> {
  const models = options.model.split(',').map((model) => model.trim());
  const runtimes = options.runtime ?? (await readyRuntimes(session));
  const devices = options.device ?? (await presentDevices());
  const common = cellSettings(options);
  const cpuSamples = options.cpuSamples ?? Math.ceil(options.samples / 2);
  const cells = models.flatMap((model) =>
    runtimes.flatMap((runtime) =>
      devices.flatMap((device) =>
        (options.quantization ?? QUANTIZATIONS).map((quantization) => ({
          scenario: 'vlm',
          // The processor takes longer.
          settings: { ...common, model, runtime, device, quantization, samples: device === 'cpu' ? cpuSamples : options.samples },
        })),
      ),
    ),
  );
  await runVlmPlan({ name: 'vlm matrix', order: 'interleaved', rounds: 1, timeout_ms: CELL_TIMEOUT_MS, cells }, options, session);
}

/** The cells of a plan file. @throws PLAN_INVALID, USAGE for cells of other scenarios; CANCELLED */
export async function benchVlmPlan(file: string, options: BenchVlmOptions, session: Session): Promise<void> {
  const plan = parsePlan(await readPlan(file), file);
  const other = plan.cells.find(({ scenario }) => scenario !== 'vlm');
  if (other !== undefined) {
    throw new EdgeVlmError('USAGE', `${file} has cells of ${other.scenario}`, { hint: `Run it with: edgevlm bench plan ${file}` });
  }
  await runVlmPlan(plan, options, session);
}

async function runVlmPlan(plan: Plan, options: BenchVlmOptions, session: Session): Promise<void> {
  const { terminal, signal } = session;
  const log = await RunLog.open(options, session);
  const startTime_ms = Date.now();
  const logged = loggedPlan(plan, options);
  const rows = await runCells(plan, session, {
    again: options.again === true,
    onStart: ({ settings }) => {
      const { model, runtime, device, quantization } = settings;
      terminal.note(['measuring', model, runtime, device, quantization].filter((word) => word !== undefined && word !== null).join(' '));
    },
    onRow: async ({ cell, status, record, error }) => {
      if (error !== undefined && status !== 'cancelled') terminal.itemError({ cell: cell.settings, status }, error);
      if (record !== undefined) await log.log(record, { plan: logged });
    },
  });
  const table = vlmTable(rows.map(({ cell, status, record }) => ({ settings: cell.settings, status, record: record ?? null })));
  const results = { plan: plan.name, cells: rows.map(cellResult) };
  await writeResults(options.results, results);
  terminal.result({ ...results, results_file: options.results }, table.join('\n'));
  terminal.note(`the results are in ${options.results}`);
  await log.logPlan({ ...logged, startTime_ms, endTime_ms: Date.now() }, signal.aborted ? 'KILLED' : 'FINISHED');
  if (!signal.aborted) return;
  const finished = rows.filter(({ status }) => status === 'ok').length;
  throw new EdgeVlmError('CANCELLED', `stopped; ${finished} of ${rows.length} cells are finished`, {
    hint: 'Run the same command again: finished cells are not measured again.',
  });
}

/** A cell in `benchmark_results.json`. */
function cellResult({ key, cell, status, resumed, record, error }: PlanRow): object {
  const { image_dir, samples, ...settings } = cell.settings;
  if (record === undefined) return { key, status, params: { ...settings, image_dir, num_samples: samples }, error: error ?? null };
  const scores = record.scores === undefined ? null : scoreFields(record.scores);
  return { key, status, resumed, run: record.id, params: record.settings.effective, metrics: metricsOf(record), scores };
}

async function readyRuntimes({ signal }: Session): Promise<RuntimeName[]> {
  const ready: RuntimeName[] = [];
  for (const name of MATRIX_RUNTIMES) if ((await (await RUNTIMES[name]()).check(signal)).available) ready.push(name);
  return ready;
}

async function presentDevices(): Promise<Device[]> {
  const reading = await new NvidiaSmiProbe().read();
  return (reading?.gpus.length ?? 0) > 0 ? ['cpu', 'cuda'] : ['cpu'];
}
