import { markdownSection } from '../report-section.js';
import { markdownText } from '../table.js';
import type { RunsReport } from './runs-report.js';
import { runsSections } from './runs-sections.js';
import { runsTitle, runsWords } from './runs-words.js';

/** The report as Markdown: the same sections and tables as the page, without charts and raw samples. */
export function runsMarkdown(report: RunsReport): string {
  const ids = report.runs.map(({ record }) => `* ${record.id}, ${record.createdAt}`);
  return [
    `# ${markdownText(runsTitle(report))}`,
    '',
    ...runsWords(report).flatMap((words) => [markdownText(words), '']),
    ...runsSections(report).flatMap(markdownSection),
    ...(ids.length === 0 ? [] : ['## Runs', '', ...ids, '']),
  ].join('\n');
}
