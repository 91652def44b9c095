import type { Command } from 'commander';
import { runsMarkdown } from '../../bench/report/runs/runs-markdown.js';
import { runsReport } from '../../bench/report/runs/runs-report.js';
import { dataDirectories } from '../../core/data-directories.js';
import { RunStore } from '../../tracking/files/run-store.js';
import { findRunId } from '../find-run-id.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm runs show` */
export function runsShow(group: Command, { terminal }: Session): void {
  const command = group.command('show').description('Show one run: what was measured, on what, and what to think of it.');
  command.argument('<run>', 'its id, or the start of it, or latest');
  addOutputOptions(command).action(async (named: string) => {
    const record = await new RunStore(dataDirectories().runs).load(await findRunId(named));
    terminal.result(record, runsMarkdown(runsReport([record])).trimEnd());
  });
}
