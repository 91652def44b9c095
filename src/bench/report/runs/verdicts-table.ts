import type { Verdict } from '../../../core/run-record.js';
import type { LabelledRun } from '../labelled-run.js';
import type { ReportTable } from '../table.js';

const ORDER = ['fail', 'inconclusive', 'pass'] as const;

/** Whether a verdict is on what was measured; one that says which percentiles can be relied on is on the figures alone. */
export function isOnMeasured({ name }: Pick<Verdict, 'name'>): boolean {
  return !name.startsWith('percentile:');
}

/** Every verdict on what was measured, with the figures behind it; what failed comes first. */
export function verdictsTable(runs: readonly LabelledRun[]): ReportTable {
  return tableOf(runs, 'What the runs were found to be; what failed comes first', isOnMeasured);
}

/** Which percentiles of which samples are bounded and which are estimates. */
export function percentileVerdictsTable(runs: readonly LabelledRun[]): ReportTable {
  return tableOf(runs, 'Which percentiles have enough samples for a bound', (verdict) => !isOnMeasured(verdict));
}

function tableOf(runs: readonly LabelledRun[], caption: string, isShown: (verdict: Verdict) => boolean): ReportTable {
  const rows = runs.flatMap(({ label, record }) => record.verdicts.filter(isShown).map((verdict) => ({ label, ...verdict })));
  return {
    align: 'text',
    caption,
    columns: ['run', 'verdict', 'outcome', 'why'],
    rows: ORDER.flatMap((wanted) =>
      rows.filter(({ outcome }) => outcome === wanted).map(({ label, name, outcome, detail }) => [label, name, outcome, detail]),
    ),
  };
}
