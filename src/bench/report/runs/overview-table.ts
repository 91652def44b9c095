import { asBytes, asUnit, NO_VALUE, orNone } from '../figures.js';
import type { Cell, ReportTable } from '../table.js';
import { scoreFigure } from '../tables/compared-scores-table.js';
import { headlineSamples, headlineScore, HEADLINES, modelBytes, peakMemory, scoreNamed } from './headline.js';
import type { RunsReport } from './runs-report.js';

/** A row for every run and for every cell that left none. */
export function overviewTable({ runs, failed }: RunsReport): ReportTable {
  const records = runs.map(({ record }) => record);
  const headlines = HEADLINES.filter((headline) => records.some((record) => headlineSamples(record, headline) !== undefined));
  const score = headlineScore(records);
  const rows = runs.map(({ label, record }): Cell[] => [
    label,
    'ok',
    ...headlines.map((headline): Cell => {
      const samples = headlineSamples(record, headline);
      const summary = samples === undefined ? undefined : record.summary[samples.name];
      return samples === undefined || summary === undefined ? NO_VALUE : asUnit(summary.median, samples.unit);
    }),
    orNone(peakMemory(record), asBytes),
    orNone(modelBytes(record), asBytes),
    ...(score === undefined ? [] : [orNone(scoreNamed(record, score), scoreFigure)]),
  ]);
  return {
    caption: 'Medians; memory is the highest resident memory seen; files are all that ran',
    columns: ['run', 'status', ...headlines.map(({ title }) => title), 'memory', 'files', ...(score === undefined ? [] : [score])],
    rows: [
      ...rows,
      ...failed.map(({ label, status }): Cell[] => [
        label,
        status,
        ...Array.from({ length: headlines.length + (score === undefined ? 2 : 3) }, () => NO_VALUE),
      ]),
    ],
  };
}

/** Why cells left no run. */
export function failuresTable({ failed }: RunsReport): ReportTable {
  return {
    align: 'text',
    caption: 'Cells that were not measured',
    columns: ['cell', 'status', 'why'],
    rows: failed.map(({ label, status, message }) => [label, status, message === '' ? NO_VALUE : message]),
  };
}
