import { asBytes } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { ReportTable } from '../table.js';

/** The files that ran, by role. */
export function modelsTable(runs: readonly LabelledRun[]): ReportTable {
  return {
    caption: 'Files, by what they are in a run',
    columns: ['run', 'role', 'file', 'precision', 'size', 'SHA-256'],
    rows: runs.flatMap(({ label, record }) =>
      Object.entries(record.models).map(([role, { name, precision, bytes, sha256 }]) => [
        label,
        role,
        name,
        precision,
        asBytes(bytes),
        sha256,
      ]),
    ),
  };
}
