import { binaryUnitOf } from '../../report/charts/binary-unit.js';
import { distributionChart, MAX_DOTS } from '../../report/charts/distribution-chart.js';
import { intervalChart, type IntervalMark } from '../../report/charts/interval-chart.js';
import { stackedBarsChart } from '../../report/charts/stacked-bars-chart.js';
import { figure } from '../../report/figure.js';
import { html, type Html } from '../../report/html.js';
import { htmlDocument } from '../../report/html-document.js';
import type { LabelledRun } from '../../report/labelled-run.js';
import { rawSamples } from '../../report/raw-samples.js';
import { htmlTable } from '../../report/table.js';
import { environmentTable } from '../../report/tables/environment-table.js';
import { memoryTable } from '../../report/tables/memory-table.js';
import { modelsTable } from '../../report/tables/models-table.js';
import { comparedScoresTable } from '../../report/tables/compared-scores-table.js';
import { settingsTable } from '../../report/tables/settings-table.js';
import { summariesTable } from '../../report/tables/summaries-table.js';
import { verdictList } from '../../report/verdict-list.js';
import { formatBytes, formatDuration } from '../../../core/units.js';
import { samplesOf, type PrecisionRow, type Spread } from './precision-row.js';
import { STAGES } from './precision-turn.js';
import { precisionsFindings, precisionsRemarks } from './precisions-markdown.js';
import type { PrecisionsResults } from './precisions-results.js';
import {
  finishedRows,
  latencyTable,
  loadTable,
  partsTable,
  scoreOf,
  stagesTable,
  STAGE_TITLES,
  tradeOffTable,
} from './precisions-tables.js';

/** The report as one page. @param rawFile name of the JSON beside it */
export function precisionsHtml(results: PrecisionsResults, rawFile: string): string {
  const rows = finishedRows(results);
  const runs = rows.flatMap(({ precision, run }): LabelledRun[] => {
    const record = results.runs.find(({ id }) => id === run);
    return record === undefined ? [] : [{ label: precision, record }];
  });
  const [first] = results.runs;
  const notes = [...new Set(results.runs.flatMap((record) => record.notes))];
  return htmlDocument({
    title: `${results.model}: ${rows.map(({ precision }) => precision).join(', ')}`,
    lead: [leadOf(results), ...precisionsFindings(results), ...precisionsRemarks(results)],
    sections: [
      { title: 'Trade-off', body: html`${tradeOffFigure(results)}${verdictList(runs)}` },
      { title: 'Speed', body: html`${latencyFigure(results, runs)}${stagesFigure(results)}` },
      { title: 'Loading and memory', body: html`${loadFigure(results)}${htmlTable(memoryTable(runs))}` },
      { title: 'Quality', body: htmlTable(comparedScoresTable(runs, QUALITY_CAPTION)) },
      { title: 'What ran', body: html`${htmlTable(partsTable(results))}${htmlTable(modelsTable(runs))}` },
      { title: 'Settings', body: htmlTable(settingsTable(runs)) },
      ...(first === undefined ? [] : [{ title: 'Environment', body: htmlTable(environmentTable(first)) }]),
      {
        title: 'How it was measured',
        body: html`<ul>
          ${notes.map((note) => html`<li>${note}</li>`)}
        </ul>`,
      },
      {
        title: 'Samples',
        body: html`<details>
            <summary>Summary of every list</summary>
            ${htmlTable(summariesTable(runs))}
          </details>
          ${rawSamples(runs, rawFile)}`,
      },
    ],
    footer: `edgevlm ${results.command}, ${results.createdAt}. The same as data, format ${results.schemaVersion}: ${rawFile}. Runs ${results.runs.map(({ id }) => id).join(', ')}.`,
  });
}

const QUALITY_CAPTION = 'Scores with their 95% intervals; chance is what can be had without looking at the pictures';

function leadOf({ pictures, runs: [first], count }: PrecisionsResults): string {
  const machine = first === undefined ? '' : ` on ${first.environment.cpu.model ?? first.environment.cpu.architecture}`;
  return `${pictures} of ${count} generated pictures, described and asked about in every precision${machine}.`;
}

function tradeOffFigure(results: PrecisionsResults): Html {
  const rows = finishedRows(results);
  const text = {
    title: 'Size, speed and quality',
    description:
      'A line for each precision. Latency is the median, its whisker the middle half of the pictures; the whisker of quality is its 95% interval.',
  };
  const f1 = (row: PrecisionRow): IntervalMark | null => {
    const score = scoreOf(results, row, 'caption.object_f1');
    return score === undefined
      ? null
      : { value: score.value, ...(score.interval !== null && { low: score.interval.low, high: score.interval.high }) };
  };
  const chart = intervalChart({
    ...text,
    rows: rows.map(({ precision }) => precision),
    panels: [
      {
        title: 'Files',
        note: 'smaller is better',
        format: formatBytes,
        form: 'bars',
        unit: binaryUnitOf(rows.map(({ file_bytes }) => file_bytes)),
        marks: rows.map(({ file_bytes }) => ({ value: file_bytes })),
      },
      {
        title: 'Latency of a caption',
        note: 'less is better',
        format: formatDuration,
        marks: rows.map(({ latency_ms }) => markOf(latency_ms)),
      },
      { title: 'Objects found, F1', note: 'more is better', format: percent, marks: rows.map(f1) },
    ],
  });
  return figure(text, chart, tradeOffTable(results));
}

function latencyFigure(results: PrecisionsResults, runs: readonly LabelledRun[]): Html {
  const samples = runs.map(({ label, record }) => ({ label, values: samplesOf(record, 'latency_ms') }));
  const thinned = samples.some(({ values }) => values.length > MAX_DOTS) ? ` ${MAX_DOTS} evenly spaced ones stand for all.` : '';
  const text = {
    title: 'Distribution of latency',
    description: `From the picture's file to the last token of its caption; a dot for each picture, a line at the median.${thinned}`,
  };
  const rows = finishedRows(results).map(({ latency_ms }, at) => ({
    label: samples[at]?.label ?? '',
    values: samples[at]?.values ?? [],
    median: latency_ms?.median ?? NaN,
  }));
  const chart = distributionChart({ ...text, rows, format: formatDuration });
  return figure(text, chart, latencyTable(results));
}

function stagesFigure(results: PrecisionsResults): Html {
  const text = {
    title: 'Where the time of a caption goes',
    description: 'Mean time of each stage. Between them lie messages between the two processes and waiting.',
  };
  const chart = stackedBarsChart({
    ...text,
    parts: STAGES.map((stage) => STAGE_TITLES[stage]),
    rows: finishedRows(results).map(({ precision, stages_ms }) => ({ label: precision, values: STAGES.map((stage) => stages_ms[stage]) })),
    format: formatDuration,
  });
  return figure(text, chart, stagesTable(results));
}

function loadFigure(results: PrecisionsResults): Html {
  const rows = finishedRows(results);
  const text = {
    title: 'Loading and memory',
    description:
      'Medians over the rounds, whiskers from least to most. Loading begins with the file, in memory already, and ends when the model is ready.',
  };
  const ends = (spread: Spread | null): IntervalMark | null =>
    spread === null ? null : { value: spread.median, low: spread.min, high: spread.max };
  const chart = intervalChart({
    ...text,
    rows: rows.map(({ precision }) => precision),
    panels: [
      { title: 'Load', note: 'less is better', format: formatDuration, marks: rows.map(({ load_ms }) => ends(load_ms)) },
      {
        title: 'Resident memory',
        note: 'less is better',
        format: formatBytes,
        unit: binaryUnitOf(rows.flatMap(({ rss_bytes }) => rss_bytes?.max ?? [])),
        marks: rows.map(({ rss_bytes }) => ends(rss_bytes)),
      },
    ],
  });
  return figure(text, chart, loadTable(results));
}

function markOf(spread: Spread | null): IntervalMark | null {
  return spread === null ? null : { value: spread.median, low: spread.q1, high: spread.q3 };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
