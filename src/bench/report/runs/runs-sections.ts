import type { LabelledRun } from '../labelled-run.js';
import type { ReportPart, ReportSection } from '../report-section.js';
import type { ReportTable } from '../table.js';
import { comparedScoresTable } from '../tables/compared-scores-table.js';
import { environmentTable } from '../tables/environment-table.js';
import { memoryTable } from '../tables/memory-table.js';
import { modelsTable } from '../tables/models-table.js';
import { gpusTable, resourcesTable } from '../tables/resources-table.js';
import { settingsTable } from '../tables/settings-table.js';
import { summariesTable } from '../tables/summaries-table.js';
import { distributionFigures } from './distribution-figures.js';
import { failuresTable, overviewTable } from './overview-table.js';
import { rooflineFigure } from './roofline-figure.js';
import type { RunsReport } from './runs-report.js';
import { stagesFigure } from './stages-figure.js';
import { timeSeriesFigures } from './time-series-figures.js';
import { tradeOffFigure } from './trade-off-figure.js';
import { percentileVerdictsTable, verdictsTable } from './verdicts-table.js';

/** The report, whatever it is written as: verdicts first, then what they rest on. Sections without anything are left out. */
export function runsSections(report: RunsReport): ReportSection[] {
  const { runs } = report;
  const records = runs.map(({ record }) => record);
  const tradeOff = tradeOffFigure(report);
  const sections: ReportSection[] = [
    { title: 'Verdicts', parts: tables(verdictsTable(runs), failuresTable(report)) },
    // The table of the figure is the overview.
    { title: 'Overview', parts: tradeOff.length > 0 ? tradeOff : tables(overviewTable(report)) },
    { title: 'Time', parts: [...stagesFigure(runs), ...distributionFigures(runs)] },
    { title: 'Memory bandwidth', parts: rooflineFigure(runs) },
    { title: 'Quality', parts: tables(comparedScoresTable(runs, QUALITY)) },
    {
      title: 'Resources',
      parts: [...tables(resourcesTable(runs), gpusTable(runs), memoryTable(runs)), ...unread(report), ...timeSeriesFigures(runs)],
    },
    { title: 'What ran', parts: tables(modelsTable(runs), settingsTable(runs)) },
    { title: 'Environment', parts: tables(...environmentTables(runs)) },
    { title: 'Notes', parts: list([...new Set(records.flatMap(({ notes }) => notes))]) },
    { title: 'Every list of samples', parts: tables(summariesTable(runs), percentileVerdictsTable(runs)) },
  ];
  return sections.filter(({ parts }) => parts.length > 0);
}

const QUALITY = 'Scores with their 95% intervals; chance is what can be had without looking';

function tables(...all: readonly ReportTable[]): ReportPart[] {
  return all.filter(({ rows }) => rows.length > 0).map((table): ReportPart => ({ kind: 'table', table }));
}

function list(lines: readonly string[]): ReportPart[] {
  return lines.length === 0 ? [] : [{ kind: 'list', lines }];
}

function unread({ runs }: RunsReport): ReportPart[] {
  const reasons = runs.flatMap(({ record }) =>
    Object.entries(record.resources?.absent ?? {}).map(([what, why]) => `not read: ${what}, because ${why}`),
  );
  return list([...new Set(reasons)]);
}

/** One for all runs of which it says the same. */
function environmentTables(runs: readonly LabelledRun[]): ReportTable[] {
  const labels = new Map<string, string[]>();
  for (const { label, record } of runs) {
    const table = JSON.stringify(environmentTable(record));
    labels.set(table, [...(labels.get(table) ?? []), label]);
  }
  const done = new Set<string>();
  return runs.flatMap(({ record }) => {
    const table = environmentTable(record);
    const key = JSON.stringify(table);
    if (done.has(key)) return [];
    done.add(key);
    return [labels.size === 1 ? table : { ...table, caption: `${table.caption}: ${(labels.get(key) ?? []).join(', ')}` }];
  });
}
