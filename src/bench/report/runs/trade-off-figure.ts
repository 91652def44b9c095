import type { RunRecord } from '../../../core/run-record.js';
import { percentile } from '../../../core/percentiles.js';
import { median } from '../../../core/sample-summary.js';
import { formatBytes } from '../../../core/units.js';
import { binaryUnitOf } from '../charts/binary-unit.js';
import { intervalChart, type IntervalMark, type IntervalPanel } from '../charts/interval-chart.js';
import { asUnit } from '../figures.js';
import type { ReportPart } from '../report-section.js';
import { headlineSamples, headlineScore, HEADLINES, modelBytes, scoreNamed, type Headline } from './headline.js';
import { overviewTable } from './overview-table.js';
import type { RunsReport } from './runs-report.js';

/** What is judged where several are there: the whole answer, else its beginning, else its speed. */
const SPEEDS = ['latency', 'first token (TTFT)', 'speed'] as const;

/** Size, speed and quality in one line for each run; with fewer than two of them there is nothing to trade. */
export function tradeOffFigure(report: RunsReport): ReportPart[] {
  const records = report.runs.map(({ record }) => record);
  const panels = [...sizePanel(records), ...speedPanel(records), ...qualityPanel(records)];
  if (panels.length < 2 || records.length === 0) return [];
  const text = {
    title: 'Size, speed and quality',
    description: 'A line for each run. The whisker of a time is the middle half of its samples, that of a score its 95% interval.',
  };
  const chart = intervalChart({ ...text, rows: report.runs.map(({ label }) => label), panels });
  return [{ kind: 'figure', text, chart, table: overviewTable(report) }];
}

function sizePanel(records: readonly RunRecord[]): IntervalPanel[] {
  const sizes = records.map(modelBytes);
  if (sizes.every((size) => size === null)) return [];
  const unit = binaryUnitOf(sizes.filter((size) => size !== null));
  const marks = sizes.map((size): IntervalMark | null => (size === null ? null : { value: size }));
  return [{ title: 'Files', note: 'smaller is better', format: formatBytes, form: 'bars', unit, marks }];
}

function speedPanel(records: readonly RunRecord[]): IntervalPanel[] {
  const lists = (headline: Headline) => records.map((record) => headlineSamples(record, headline));
  const headline = SPEEDS.flatMap((wanted) => HEADLINES.filter(({ title }) => title === wanted)).find((each) =>
    lists(each).some((list) => list !== undefined),
  );
  if (headline === undefined) return [];
  const found = lists(headline);
  const unit = found.find((list) => list !== undefined)?.unit ?? '';
  // Another unit would be another axis.
  const marks = found.map((list) => (list?.unit === unit ? middleHalf(list.values) : null));
  const note = headline.lessIsBetter ? 'less is better' : 'more is better';
  return [{ title: headline.title, note, format: (value) => asUnit(value, unit).text, marks }];
}

function qualityPanel(records: readonly RunRecord[]): IntervalPanel[] {
  const name = headlineScore(records);
  if (name === undefined) return [];
  const scores = records.map((record) => scoreNamed(record, name));
  const unit = scores.find((score) => score !== undefined)?.unit ?? '';
  const marks = scores.map((score): IntervalMark | null =>
    score === undefined
      ? null
      : { value: score.value, ...(score.interval !== null && { low: score.interval.low, high: score.interval.high }) },
  );
  return [{ title: name, note: 'a score', format: (value) => asUnit(value, unit).text, marks }];
}

function middleHalf(values: readonly number[]): IntervalMark {
  const sorted = [...Float64Array.from(values).sort()];
  const at = (p: number): number => percentile(sorted, p).value;
  return { value: median(sorted), low: at(0.25), high: at(0.75) };
}
