import type { CellRow } from '../../../core/plan-cell.js';
import type { RunRecord } from '../../../core/run-record.js';
import type { LabelledRun } from '../labelled-run.js';

/** What a report is of: runs, and cells of a plan that left none. */
export interface RunsReport {
  /** Names are short and no two are the same. */
  readonly runs: readonly LabelledRun[];
  readonly failed: readonly FailedCell[];
}

/** A cell of a plan without a record. */
export interface FailedCell {
  readonly label: string;
  readonly status: string;
  readonly message: string;
}

type Settings = RunRecord['settings']['effective'];

/** What runs are told apart by, in this order, where they differ in it. */
const TELLING = ['runtime', 'model_name', 'model', 'quantization', 'precision', 'device', 'threads', 'batch', 'strategy', 'cache'];
const MAX_PARTS = 4;

/** Names runs and failed cells by the settings in which they differ. @param rows of a plan; those that ended well are among the records */
export function runsReport(records: readonly RunRecord[], rows: readonly CellRow[] = []): RunsReport {
  const failed = rows.filter(({ status }) => status !== 'ok');
  const settings: Settings[] = [
    ...records.map((record): Settings => ({ ...modelSettings(record), ...record.settings.effective })),
    ...failed.map(({ cell }): Settings => cell.settings),
  ];
  const differing = tellingSettings(settings);
  const fallbacks = [...records.map(({ command }) => command), ...failed.map(({ cell }) => cell.scenario)];
  const labels = distinct(
    settings.map((each, at) => {
      const parts = differing.flatMap((name) => textOf(name, each[name]));
      return parts.length > 0 ? parts.join(' ') : (fallbacks[at] ?? '');
    }),
  );
  return {
    runs: records.map((record, at) => ({ label: labels[at] ?? '', record })),
    failed: failed.map(({ status, message = '' }, at) => ({ label: labels[records.length + at] ?? '', status, message })),
  };
}

/** The fewest settings, in their order, that tell the runs apart as far as settings can. */
function tellingSettings(settings: readonly Settings[]): string[] {
  const kinds = (names: readonly string[]): number =>
    new Set(settings.map((each) => JSON.stringify(names.map((name) => each[name] ?? null)))).size;
  const telling: string[] = [];
  for (const name of new Set([...TELLING, ...settings.flatMap((each) => Object.keys(each))])) {
    const values = new Set(settings.flatMap((each) => each[name] ?? []));
    if (telling.length < MAX_PARTS && values.size > 1 && kinds([...telling, name]) > kinds(telling)) telling.push(name);
  }
  return telling;
}

function modelSettings({ models }: RunRecord): Settings {
  const model = models['model'] ?? Object.values(models)[0];
  return model === undefined ? {} : { model: model.name, precision: model.precision };
}

function textOf(name: string, value: Settings[string] | undefined): string[] {
  if (value === undefined || value === null) return [];
  // Words speak for themselves, a number or a yes needs to be told of what.
  return [typeof value === 'string' ? value : `${name} ${String(value)}`];
}

/** The second of a name is told by its number. */
function distinct(labels: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return labels.map((label) => {
    const count = (seen.get(label) ?? 0) + 1;
    seen.set(label, count);
    return count === 1 ? label : `${label} #${count}`;
  });
}
