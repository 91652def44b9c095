import type { Score } from '../../../core/run-record.js';
import { asBytes, asCount, asDuration, asQuantity, NO_VALUE, orNone } from '../../report/figures.js';
import type { Cell, Figure, ReportTable } from '../../report/table.js';
import { scoreFigure } from '../../report/tables/compared-scores-table.js';
import type { PrecisionRow, Spread } from './precision-row.js';
import { STAGES, type Stage } from './precision-turn.js';
import type { PrecisionsResults } from './precisions-results.js';

export const STAGE_TITLES: Readonly<Record<Stage, string>> = {
  picture: 'read picture',
  preprocess: 'preprocess',
  tokenise: 'tokenise',
  encode: 'encode',
  prefill: 'prefill',
  decode: 'decode',
  sample: 'sample',
  other: 'between',
};

/** The precisions that ran to the end. */
export function finishedRows({ precisions }: PrecisionsResults): PrecisionRow[] {
  return precisions.filter((row) => row.status === 'ok');
}

/** One line for each precision: what it costs, how fast and how good it is. Failed ones say why in the list of failures. */
export function tradeOffTable(results: PrecisionsResults): ReportTable {
  const { precisions, reference } = results;
  const isReference = (row: PrecisionRow): boolean => row.precision === reference;
  return {
    caption: `Latency is the median over ${results.pictures} pictures; scores have their 95% interval`,
    columns: [
      ...['precision', 'files', 'latency', 'speed-up', 'objects, F1', 'captions exact', 'questions right'],
      ...[`captions as ${reference}`, `likeliest tokens as ${reference}`, 'divergence, mean'],
    ],
    rows: precisions.map((row): Cell[] => {
      if (row.status !== 'ok') return [row.precision, row.status, ...Array.from({ length: 8 }, () => NO_VALUE)];
      return [
        row.precision,
        asBytes(row.file_bytes),
        orNone(row.latency_ms, ({ median }) => asDuration(median)),
        isReference(row) ? 'reference' : scoreCell(results, row, 'speedup.latency'),
        scoreCell(results, row, 'caption.object_f1'),
        scoreCell(results, row, 'caption.exact'),
        scoreCell(results, row, 'vqa.accuracy'),
        isReference(row) ? 'reference' : scoreCell(results, row, 'agreement.captions'),
        isReference(row) ? 'reference' : scoreCell(results, row, 'parity.top1'),
        isReference(row) ? 'reference' : scoreCell(results, row, 'parity.kl_mean'),
      ];
    }),
  };
}

function scoreCell(results: PrecisionsResults, row: PrecisionRow, name: string): Cell {
  return orNone(scoreOf(results, row, name), scoreFigure);
}

/** A score of the record behind a row. */
export function scoreOf({ runs }: PrecisionsResults, { run }: PrecisionRow, name: string): Score | undefined {
  return runs.find(({ id }) => id === run)?.scores?.find((score) => score.name === name);
}

/** What captions of one precision took, from the picture's file to the last token. */
export function latencyTable(results: PrecisionsResults): ReportTable {
  return spreadTable(results, 'Latency of a caption, time to first token (TTFT), time per further token (TPOT), prefill', [
    ['latency', ({ latency_ms }) => latency_ms, asDuration],
    ['TTFT', ({ ttft_ms }) => ttft_ms, asDuration],
    ['TPOT', ({ tpot_ms }) => tpot_ms, asDuration],
    ['prefill, tok/s', ({ prefill_rate }) => prefill_rate, asQuantity],
  ]);
}

/** Loading and memory; the samples are the rounds. */
export function loadTable(results: PrecisionsResults): ReportTable {
  return spreadTable(results, 'Loading, and resident memory after the pictures', [
    ['load', ({ load_ms }) => load_ms, asDuration],
    ['RSS', ({ rss_bytes }) => rss_bytes, asBytes],
  ]);
}

type Quantity = readonly [title: string, of: (row: PrecisionRow) => Spread | null, show: (value: number) => Figure];

function spreadTable(results: PrecisionsResults, caption: string, quantities: readonly Quantity[]): ReportTable {
  return {
    caption,
    columns: ['precision', 'what', 'n', 'median', 'middle half', '90th percentile', 'least', 'most'],
    rows: finishedRows(results).flatMap((row) =>
      quantities.flatMap(([title, of, show]): Cell[][] => {
        const spread = of(row);
        if (spread === null) return [];
        const { n, median, q1, q3, p90, min, max } = spread;
        return [[row.precision, title, asCount(n), show(median), [show(q1), ' – ', show(q3)], show(p90), show(min), show(max)]];
      }),
    ),
  };
}

/** Mean time of each stage. */
export function stagesTable(results: PrecisionsResults): ReportTable {
  return {
    caption: 'Means over the pictures; they add up to the mean latency',
    columns: ['precision', ...STAGES.map((stage) => STAGE_TITLES[stage])],
    rows: finishedRows(results).map((row) => [row.precision, ...STAGES.map((stage) => asDuration(row.stages_ms[stage]))]),
  };
}

/** Which half of the model was quantised, to what. */
export function partsTable({ parts }: PrecisionsResults): ReportTable {
  return {
    align: 'text',
    caption: 'What was quantised: tensors by type',
    columns: ['precision', 'half', 'made', 'tensors'],
    rows: parts.map(({ precision, role, quantised, tensors }) => [
      precision,
      role === 'model' ? 'language' : 'vision',
      quantised ? 'quantised here' : 'as given',
      Object.entries(tensors).flatMap(([type, count], at): (string | Figure)[] => [at === 0 ? '' : ', ', asCount(count), ` ${type}`]),
    ]),
  };
}
