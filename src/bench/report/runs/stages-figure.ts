import { formatDuration } from '../../../core/units.js';
import { stackedBarsChart } from '../charts/stacked-bars-chart.js';
import { asDuration, NO_VALUE, orNone } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { ReportPart } from '../report-section.js';

const STAGE = /^stage\.(.+)_ms$/;

/** Where the time goes: the means of `stage.<name>_ms`, stacked; none where no run has stages. */
export function stagesFigure(runs: readonly LabelledRun[]): ReportPart[] {
  const stages = [...new Set(runs.flatMap(({ record }) => Object.keys(record.summary).flatMap((name) => STAGE.exec(name)?.[1] ?? [])))];
  const mean = ({ record }: LabelledRun, stage: string): number | undefined => record.summary[`stage.${stage}_ms`]?.mean;
  const rows = runs.filter((run) => stages.some((stage) => mean(run, stage) !== undefined));
  if (rows.length === 0) return [];
  const text = {
    title: 'Where the time goes',
    description: 'Mean time of each stage. A stage that a runtime does not tell apart is missing from its bar.',
  };
  const chart = stackedBarsChart({
    ...text,
    parts: stages,
    rows: rows.map((run) => ({ label: run.label, values: stages.map((stage) => Math.max(0, mean(run, stage) ?? 0)) })),
    format: formatDuration,
  });
  const table = {
    caption: `Means over the samples; ${NO_VALUE} is a stage that was not told`,
    columns: ['run', ...stages],
    rows: rows.map((run) => [run.label, ...stages.map((stage) => orNone(mean(run, stage), asDuration))]),
  };
  return [{ kind: 'figure', text, chart, table }];
}
