import { asBytes, orNone } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { ReportTable } from '../table.js';

/** Memory of the process that holds the model. */
export function memoryTable(runs: readonly LabelledRun[]): ReportTable {
  return {
    caption: 'Memory of the process that holds the model',
    columns: ['run', 'moment', 'RSS', 'peak RSS', 'PSS', 'anonymous RSS', 'swapped'],
    rows: runs.flatMap(({ label, record }) =>
      Object.entries(record.memory).map(([moment, { rss_bytes, peakRss_bytes, pss_bytes, rssAnon_bytes, swap_bytes }]) => [
        label,
        moment,
        ...[rss_bytes, peakRss_bytes, pss_bytes, rssAnon_bytes, swap_bytes].map((value) => orNone(value, asBytes)),
      ]),
    ),
  };
}
