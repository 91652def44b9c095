import type { CellRunner } from '../../bench/plans/cell-runner.js';
import { EdgeVlmError } from '../../core/errors.js';

/** Scenarios that a plan can have cells of. */
export const CELL_SCENARIOS = ['vlm', 'ttft', 'serve'] as const;
export type CellScenario = (typeof CELL_SCENARIOS)[number];

export const CELL_RUNNERS: Record<CellScenario, () => Promise<CellRunner>> = {
  vlm: async () => (await import('./vlm-cell.js')).vlmCell,
  ttft: async () => (await import('./ttft-cell.js')).ttftCell,
  serve: async () => (await import('./serve-cell.js')).serveCell,
};

/** @throws EdgeVlmError USAGE for a name that is none */
export function cellRunner(scenario: string): Promise<CellRunner> {
  const name = CELL_SCENARIOS.find((known) => known === scenario);
  if (name === undefined)
    throw new EdgeVlmError('USAGE', `there is no scenario ${scenario}`, { hint: `The scenarios are: ${CELL_SCENARIOS.join(', ')}.` });
  return CELL_RUNNERS[name]();
}
