import { asNumber, NO_VALUE } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import { partsOf, type Cell, type ReportTable } from '../table.js';

/** What was asked for beside what was done; where runs differ, one after the other. */
export function settingsTable(runs: readonly LabelledRun[]): ReportTable {
  const names = (which: 'requested' | 'effective'): string[] => runs.flatMap(({ record }) => Object.keys(record.settings[which]));
  const cell = (which: 'requested' | 'effective', name: string): Cell =>
    joined(runs.map(({ record }) => settingCell(record.settings[which][name])));
  return {
    align: 'text',
    caption: 'Requested and effective settings',
    columns: ['setting', 'requested', 'effective'],
    rows: [...new Set([...names('effective'), ...names('requested')])].map((name) => [
      name,
      cell('requested', name),
      cell('effective', name),
    ]),
  };
}

function settingCell(value: string | number | boolean | null | undefined): Cell {
  if (value === undefined) return NO_VALUE;
  if (value === null) return 'default';
  return typeof value === 'number' ? asNumber(value) : String(value);
}

/** Different cells, one after the other. */
function joined(cells: readonly Cell[]): Cell {
  const different = cells.filter((cell, at) => cells.findIndex((other) => JSON.stringify(other) === JSON.stringify(cell)) === at);
  return different.flatMap((cell, at) => (at === 0 ? partsOf(cell) : [', ', ...partsOf(cell)]));
}
