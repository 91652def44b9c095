import { asCount, asUnit, NO_VALUE, orNone } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { Cell, ReportTable } from '../table.js';

/** Summaries of every list of samples. */
export function summariesTable(runs: readonly LabelledRun[]): ReportTable {
  return {
    caption: 'Every list of samples, summarised; the scatter (coefficient of variation) of items of a data set is no noise',
    columns: ['samples', 'run', 'unit', 'n', 'median', 'mean', 'least', 'most', 'scatter', 'noise'],
    rows: runs.flatMap(({ label, record }) =>
      record.samples.map(({ name, unit, over }): Cell[] => {
        const summary = record.summary[name];
        const show = (value: number | null | undefined): Cell => orNone(value, (known) => asUnit(known, unit));
        return [
          name,
          label,
          unit,
          orNone(summary?.n, asCount),
          ...[summary?.median, summary?.mean, summary?.min, summary?.max].map(show),
          orNone(summary?.cv, (cv) => asUnit(cv, 'fraction')),
          over === 'items' ? 'items' : (summary?.noise ?? NO_VALUE),
        ];
      }),
    ),
  };
}
