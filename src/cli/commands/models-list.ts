import type { Command } from 'commander';
import { CATALOGUE } from '../../catalogue/catalogue.js';
import type { ModelEntry } from '../../catalogue/model-entry.js';
import { PACKAGE_MODELS, userFolders } from '../../catalogue/models-folders.js';
import { type ModelState, modelState } from '../../catalogue/pull/model-state.js';
import { formatBytes } from '../../core/units.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm models list` */
export function modelsList(group: Command, { terminal }: Session): void {
  const command = group.command('list').description('List the models of the catalogue, and which of them are here.');
  addOutputOptions(command).action(async () => {
    const rows = await Promise.all(
      CATALOGUE.map(async (entry) => ({ entry, state: await modelState(entry, userFolders(), PACKAGE_MODELS) })),
    );
    const cells = [HEADINGS, ...rows.map(({ entry, state }) => cellsOf(entry, state))];
    const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
    const line = (row: readonly string[]): string =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
    if (!terminal.json) terminal.write(`${line(HEADINGS)}\n`);
    for (const { entry, state } of rows) terminal.result({ ...entry, ...state }, line(cellsOf(entry, state)));
    if (rows.some(({ entry }) => !entry.checked)) {
      terminal.note(
        'rows marked with ? were written from documentation: files, sizes and checksums are told by the Hub when they are pulled',
      );
    }
  });
}

const HEADINGS = ['name', 'kind', 'precision', 'size', 'licence', 'runs on', 'here'];

function cellsOf(entry: ModelEntry, { state, bytes }: ModelState): string[] {
  const listed = entry.files.map(({ listedSize }) => listedSize).filter((size) => size !== null);
  const size = state === 'not here' || state === 'partly' ? listed.join(' + ') : formatBytes(bytes);
  return [
    entry.checked ? entry.name : `${entry.name} ?`,
    entry.kind,
    entry.precisions.join(', ') || '-',
    size || 'not known',
    entry.licence ?? 'not stated',
    entry.runtimes.join(', ') || 'nothing yet',
    state,
  ];
}
