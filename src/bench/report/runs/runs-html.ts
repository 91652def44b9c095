import { htmlDocument } from '../html-document.js';
import { rawSamples } from '../raw-samples.js';
import { htmlSection } from '../report-section.js';
import type { RunsReport } from './runs-report.js';
import { runsSections } from './runs-sections.js';
import { runsTitle, runsWords } from './runs-words.js';

/** The report as one page that needs nothing else. */
export function runsHtml(report: RunsReport): string {
  const { runs } = report;
  return htmlDocument({
    title: runsTitle(report),
    lead: runsWords(report),
    sections: [
      ...runsSections(report).map(htmlSection),
      { title: 'Raw samples', body: rawSamples(runs, 'the records (edgevlm runs export --format json)') },
    ],
    footer: `Runs ${runs.map(({ record }) => record.id).join(', ') || 'none'}.`,
  });
}
