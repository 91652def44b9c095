import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { Cell } from '../../core/plan-cell.js';
import type { Settings } from '../../core/run-record.js';
import { rememberHashes } from '../../core/sha256-file.js';
import { serve } from '../../host/child.js';
import { eventStream } from '../../host/event-stream.js';
import type { CellProtocol } from './cell-protocol.js';
import type { CellRunner } from './cell-runner.js';

/** Serves cells in a process that `runCellProcess` started. @param runners by scenario */
export async function serveCells(runners: Readonly<Record<string, () => Promise<CellRunner>>>): Promise<void> {
  const runnerOf = async (cell: unknown): Promise<{ runner: CellRunner; settings: Settings }> => {
    const { scenario, settings } = Value.Check(Cell, cell) ? cell : failed('the cell that was sent is none');
    const load = Object.hasOwn(runners, scenario) ? runners[scenario] : undefined;
    return { runner: await (load ?? failed(`there is no scenario ${scenario}`))(), settings };
  };
  await serve<CellProtocol>({
    async *run({ cell, hashes }, signal) {
      const { runner, settings } = await runnerOf(cell);
      rememberHashes(hashes);
      return yield* eventStream((onProgress, ended) => runner.run(settings, { signal: ended, onProgress }), signal);
    },
    async *compareLogits({ reference, subject }, signal) {
      const { runner, settings } = await runnerOf(subject);
      const other = await runnerOf(reference);
      return yield* eventStream(
        async (onProgress, ended) => (await runner.compareLogits?.(other.settings, settings, { signal: ended, onProgress })) ?? null,
        signal,
      );
    },
  });
}

function failed(message: string): never {
  throw new EdgeVlmError('INTERNAL', message);
}
