import type { Command } from 'commander';
import { dataDirectories } from '../../core/data-directories.js';
import { type RunFilter, RunIndex } from '../../tracking/files/run-index.js';
import type { RunRow } from '../../tracking/files/run-row.js';
import { columns } from '../columns.js';
import { addOutputOptions } from '../options/output-options.js';
import { addRunFilterOptions } from '../options/run-filter-options.js';
import type { Session } from '../session.js';

/** `edgevlm runs list` */
export function runsList(group: Command, { terminal }: Session): void {
  const command = group.command('list').description('List runs, the newest last.');
  addOutputOptions(addRunFilterOptions(command)).action(async (filter: RunFilter) => {
    const { rows, damaged, note } = await new RunIndex(dataDirectories().runs).list(filter);
    const [headings = '', ...lines] = columns([HEADINGS, ...rows.map(cellsOf)]);
    if (!terminal.json && rows.length > 0) terminal.write(`${headings}\n`);
    for (const [index, row] of rows.entries()) terminal.result(row, lines[index] ?? '');
    for (const file of damaged) terminal.warning(`${file} is not a run record`);
    if (note !== null) terminal.note(note);
    if (rows.length === 0) terminal.note('no such runs');
  });
}

const HEADINGS = ['id', 'made', 'command', 'plan', 'model', 'data set', 'samples', 'verdicts'];

function cellsOf({ id, createdAt, command, plan, models, dataset, samples, verdicts }: RunRow): string[] {
  const counts = Object.entries(verdicts).filter(([, count]) => count > 0);
  return [
    id,
    createdAt.slice(0, 16).replace('T', ' '),
    command,
    plan ?? '-',
    models.join(', ') || '-',
    dataset ?? '-',
    String(samples),
    counts.map(([outcome, count]) => `${count} ${outcome}`).join(', ') || '-',
  ];
}
