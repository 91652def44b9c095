import type { ErrorRecord } from '../../../core/errors.js';
import type { RunRecord } from '../../../core/run-record.js';
import { intervalChart, type IntervalPanel } from '../../report/charts/interval-chart.js';
import { htmlDocument } from '../../report/html-document.js';
import type { LabelledRun } from '../../report/labelled-run.js';
import { rawSamples } from '../../report/raw-samples.js';
import { htmlSection, markdownSection, type ReportPart, type ReportSection } from '../../report/report-section.js';
import { runsReport } from '../../report/runs/runs-report.js';
import { runsSections } from '../../report/runs/runs-sections.js';
import type { AblationRow } from './ablation-row.js';
import { ablationFindings, ablationTable } from './ablation-table.js';

/** Everything a report on variants shows; what is written as JSON. */
export interface AblationResults {
  readonly schemaVersion: 1;
  readonly command: string;
  readonly createdAt: string;
  /** What the user called the model. */
  readonly model: string;
  /** Prompts asked for. */
  readonly count: number;
  readonly rows: readonly AblationRow[];
  /** One for each row with a finished prompt, in their order. */
  readonly runs: readonly RunRecord[];
}

/** The report as one page that needs nothing else. */
export function ablationHtml(results: AblationResults): string {
  const runs = labelled(results);
  return htmlDocument({
    title: titleOf(results),
    lead: LEAD,
    sections: [...sectionsOf(results, runs).map(htmlSection), { title: 'Raw samples', body: rawSamples(runs, 'report.json, under runs') }],
    footer: `${results.command}, ${results.createdAt}. Runs ${results.runs.map(({ id }) => id).join(', ') || 'none'}.`,
  });
}

/** The same as Markdown, without charts and raw samples. */
export function ablationMarkdown(results: AblationResults): string {
  const sections = sectionsOf(results, labelled(results)).flatMap(markdownSection);
  return [`# ${titleOf(results)}`, '', ...LEAD.flatMap((words) => [words, '']), ...sections].join('\n');
}

const LEAD = [
  'Every variant answered the same prompts, prompt by prompt in turns with plain decoding over a full cache. Time a token is from the ' +
    "first token to the end of the answer, by its tokens; predicted is what measured costs and acceptance, or the layers' work, promise.",
];

const titleOf = ({ command, model }: AblationResults): string => `${command}: ${model}`;

function labelled({ runs }: AblationResults): readonly LabelledRun[] {
  return runsReport(runs).runs;
}

function sectionsOf(results: AblationResults, runs: readonly LabelledRun[]): ReportSection[] {
  const { rows } = results;
  const findings = ablationFindings(rows);
  const rest = runsSections({ runs, failed: rows.flatMap((row) => failedOf(row)) });
  return [
    { title: 'Variants', parts: [variantsFigure(rows), ...(findings.length === 0 ? [] : [{ kind: 'list', lines: findings } as const])] },
    ...rest.filter(({ title }) => title !== 'Overview'),
  ];
}

function failedOf({ strategy, cache, error }: AblationRow): { label: string; status: string; message: string }[] {
  const message = ({ code, message: words }: ErrorRecord): string => `${code}: ${words}`;
  return error === null ? [] : [{ label: `${strategy} over ${cache}`, status: 'failed', message: message(error) }];
}

function variantsFigure(rows: readonly AblationRow[]): ReportPart {
  const shown = rows.filter(({ prompts }) => prompts > 0);
  const table = ablationTable(rows);
  if (shown.length === 0) return { kind: 'table', table };
  const text = {
    title: 'Speed and bytes of each variant',
    description: 'Beside plain decoding over a full cache, which is 1×; lines are 95% intervals.',
  };
  const times = (value: number): string => `${value.toFixed(2)}×`;
  const panels: IntervalPanel[] = [
    {
      title: 'speed-up',
      note: 'higher is faster',
      format: times,
      marks: shown.map(({ speedup, speedup_interval: interval }) =>
        speedup === null ? null : { value: speedup, ...(interval !== null && { low: interval[0], high: interval[1] }) },
      ),
    },
    {
      title: 'cache, times smaller',
      note: 'higher is smaller',
      format: times,
      marks: shown.map(({ kv_ratio: ratio }) => (ratio === null ? null : { value: ratio })),
    },
  ];
  const chart = intervalChart({ ...text, rows: shown.map(({ strategy, cache }) => `${strategy} · ${cache}`), panels });
  return { kind: 'figure', text, chart, table };
}
