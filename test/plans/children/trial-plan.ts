import { join } from 'node:path';
import { cellKey } from '../../../src/bench/plans/cell-key.js';
import { runCellProcess } from '../../../src/bench/plans/run-cell-process.js';
import { runPlan } from '../../../src/bench/plans/run-plan.js';
import { CellStore } from '../../../src/tracking/files/cell-store.js';
import { RunStore } from '../../../src/tracking/files/run-store.js';

/** Runs cells that end as the arguments say and prints a line for each: `node trial-plan.ts DIRECTORY TIMEOUT_MS HOW…` */
const [directory = '', timeout_ms = '', ...hows] = process.argv.slice(2);
const abort = new AbortController();
process.on('SIGINT', () => {
  abort.abort();
});
await runPlan({
  name: 'trial',
  cells: hows.map((how) => ({ scenario: 'trial', settings: { how, log: join(directory, 'log') }, round: 1 })),
  keyOf: (cell) => Promise.resolve(cellKey(cell, { files: {}, edgevlm: '1' })),
  runCell: (cell, context) =>
    runCellProcess(cell, { entry: new URL('./trial-cell-worker.ts', import.meta.url), timeout_ms: Number(timeout_ms), ...context }),
  store: new CellStore(join(directory, 'cells'), new RunStore(join(directory, 'runs'))),
  onRow: ({ cell, status, resumed }) => {
    process.stdout.write(`${String(cell.settings['how'])} ${status}${resumed ? ' resumed' : ''}\n`);
  },
  signal: abort.signal,
});
