import type { Verdict } from '../../../core/run-record.js';
import { markdownTable } from '../../report/table.js';
import type { PrecisionRow } from './precision-row.js';
import type { PrecisionsResults } from './precisions-results.js';
import { finishedRows, latencyTable, loadTable, partsTable, scoreOf, stagesTable, tradeOffTable } from './precisions-tables.js';

/** The main table and what it means: what a terminal shows. */
export function precisionsSummary(results: PrecisionsResults): string[] {
  return [
    ...markdownTable(tradeOffTable(results)),
    '',
    ...[
      ...precisionsFindings(results),
      ...precisionsRemarks(results),
      ...results.runs.flatMap(({ verdicts }, at) =>
        verdicts.map(({ name, outcome, detail }) => `${outcome}: ${precisionOfRun(results, at)} ${name}: ${detail}`),
      ),
      // Messages may quote what a file says.
    ].map((line) => line.replace(/\s+/g, ' ')),
  ];
}

/** The whole report as Markdown; raw samples are in the JSON. */
export function precisionsMarkdown(results: PrecisionsResults): string[] {
  const section = (title: string, lines: readonly string[]): string[] => ['', `## ${title}`, '', ...lines];
  return [
    ...precisionsSummary(results),
    ...section('Latency', markdownTable(latencyTable(results))),
    ...section('Stages', markdownTable(stagesTable(results))),
    ...section('Loading and memory', markdownTable(loadTable(results))),
    ...section('What was quantised', markdownTable(partsTable(results))),
    ...section('Notes', [...new Set(results.runs.flatMap(({ notes }) => notes))]),
  ];
}

/** A sentence on each precision beside the reference; what is not decided is said to be so. */
export function precisionsFindings(results: PrecisionsResults): string[] {
  const rows = finishedRows(results);
  const reference = rows.find(({ precision }) => precision === results.reference);
  return rows.flatMap((row) => {
    if (row === reference || reference === undefined) return [];
    const size = `${((100 * row.file_bytes) / reference.file_bytes).toFixed(0)}% of the size of ${reference.precision}`;
    const same = scoreOf(results, row, 'agreement.captions');
    const captions = same === undefined ? [] : [`${(100 * same.value).toFixed(1)}% of the captions are the same`];
    return [`${row.precision}: ${[size, ...speedWords(results, row), ...qualityWords(results, row), ...captions].join('; ')}.`];
  });
}

const SPEED_WORDS = { pass: 'faster', fail: 'slower', inconclusive: 'speed not decided' } as const;
const QUALITY_WORDS = { pass: 'quality kept', fail: 'quality lost', inconclusive: 'quality not decided' } as const;

function speedWords(results: PrecisionsResults, row: PrecisionRow): string[] {
  const score = scoreOf(results, row, 'speedup.latency');
  return score === undefined ? [] : [`${SPEED_WORDS[outcomeOf(results, row, 'speed:latency')]} (${score.value.toFixed(2)}×)`];
}

function qualityWords(results: PrecisionsResults, row: PrecisionRow): string[] {
  const score = scoreOf(results, row, 'difference.caption.object_f1');
  if (score === undefined) return [];
  const points = `${score.value > 0 ? '+' : ''}${(100 * score.value).toFixed(1)} points of object F1`;
  return [`${QUALITY_WORDS[outcomeOf(results, row, 'quality:caption.object_f1')]} (${points})`];
}

function outcomeOf({ runs }: PrecisionsResults, { run }: PrecisionRow, name: string): Verdict['outcome'] {
  return runs.find(({ id }) => id === run)?.verdicts.find((verdict) => verdict.name === name)?.outcome ?? 'inconclusive';
}

/** What went wrong, and which halves were not quantised. */
export function precisionsRemarks({ precisions, parts, pictures, count }: PrecisionsResults): string[] {
  const asGiven = parts.filter(({ role, quantised }) => role === 'mmproj' && !quantised).map(({ precision }) => precision);
  const quantised = parts.filter(({ role, quantised: made }) => role === 'mmproj' && made).map(({ precision }) => precision);
  return [
    ...(pictures < count ? [`Stopped after ${pictures} of ${count} pictures.`] : []),
    ...precisions.flatMap((row) =>
      row.status === 'ok' ? [] : [`${row.precision} was not measured, ${row.status}: ${row.error.code}: ${row.error.message}`],
    ),
    ...(quantised.length > 0 ? [`Both halves of the model are quantised in ${quantised.join(' and ')}.`] : []),
    ...(asGiven.length > 1 ? [`The vision half is as it was given in ${asGiven.join(' and ')}.`] : []),
  ];
}

function precisionOfRun({ precisions, runs }: PrecisionsResults, at: number): string {
  return precisions.find((row) => row.status === 'ok' && row.run === runs[at]?.id)?.precision ?? '';
}
