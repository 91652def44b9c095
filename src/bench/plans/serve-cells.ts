import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { Cell } from '../../core/plan-cell.js';
import { serve } from '../../host/child.js';
import { eventStream } from '../../host/event-stream.js';
import type { CellProtocol } from './cell-protocol.js';
import type { CellRunner } from './cell-runner.js';

/** Serves cells in a process that `runCellProcess` started. @param runners by scenario */
export async function serveCells(runners: Readonly<Record<string, () => Promise<CellRunner>>>): Promise<void> {
  await serve<CellProtocol>({
    async *run(request, signal) {
      const { scenario, settings } = Value.Check(Cell, request) ? request : failed('the cell that was sent is none');
      const load = Object.hasOwn(runners, scenario) ? runners[scenario] : undefined;
      const runner = await (load ?? failed(`there is no scenario ${scenario}`))();
      return yield* eventStream((onProgress, ended) => runner.run(settings, { signal: ended, onProgress }), signal);
    },
  });
}

function failed(message: string): never {
  throw new EdgeVlmError('INTERNAL', message);
}
