import type { RunRecord } from '../../../core/run-record.js';
import { formatDuration } from '../../../core/units.js';
import { NO_VALUE } from '../../report/figures.js';
import { markdownTable } from '../../report/table.js';
import type { LoadFigures, LoadRow, ServeFigures, TimePercentiles } from './serve-figures.js';
import { SERVE_SIDES } from './serve-target.js';

/** Which percentiles are bounded, and how single lists scatter, is for those who read the record. */
const FOR_THE_RECORD = /^(?:percentile|drift|outliers|noise):/;

/** A run as Markdown: each load on each server, what became of second questions, and what to think of it. */
export function serveReport({ loads, second_question, stall_ms_max, ...figures }: ServeFigures, { verdicts, notes }: RunRecord): string[] {
  const hasPeer = loads.some(({ peer }) => peer !== undefined);
  const milliseconds = (value: number | null | undefined): string =>
    value === null || value === undefined ? NO_VALUE : `${value.toFixed(2)} ms`;
  const overhead = [
    ['HTTP and network, by the server’s own time', milliseconds(figures.overhead_ms_p50)],
    ['HTTP over in-process', milliseconds(figures.overhead_in_process_ms_p50)],
    ...SERVE_SIDES.flatMap((side) =>
      stall_ms_max[side] === undefined ? [] : [[`longest stall of a stream, ${side}`, milliseconds(stall_ms_max[side])]],
    ),
  ].filter(([, value]) => value !== NO_VALUE);
  return [
    ...markdownTable({
      columns: ['load', 'side', 'answers/s', 'TTFT p50', 'p95', 'p99', 'TPOT p50', 'latency p50', 'p95', 'answered'],
      rows: loads.flatMap((row) => SERVE_SIDES.flatMap((side) => (row[side] === undefined ? [] : [loadCells(row.load, side, row[side])]))),
    }),
    ...(hasPeer
      ? [
          '',
          ...markdownTable({
            columns: ['server / peer, above 1 the server is better', 'answers/s', 'TTFT p50', 'TTFT p95'],
            rows: loads.map(ratioCells),
          }),
        ]
      : []),
    ...(second_question === null
      ? []
      : [
          '',
          ...markdownTable({
            columns: ['second question', 'TTFT, server', 'TTFT, peer', 'first / second, server', 'server / peer', 'cached', 'pictures'],
            rows: Object.entries(second_question).map(([kind, { ttft_ms_p50, gain_over_first, cached_share_p50, ...row }]) => [
              kind.replaceAll('_', ' '),
              duration(ttft_ms_p50.server),
              duration(ttft_ms_p50.peer),
              times(gain_over_first.server ?? null),
              times(row.ratio, row.interval),
              SERVE_SIDES.flatMap((side) => cached_share_p50[side] ?? [])
                .map((share) => `${(100 * share).toFixed(0)}%`)
                .join(' / '),
              String(row.pictures),
            ]),
          }),
        ]),
    ...(overhead.length === 0 ? [] : ['', ...markdownTable({ columns: ['', 'p50 or maximum'], rows: overhead })]),
    '',
    ...verdicts.filter(({ name }) => !FOR_THE_RECORD.test(name)).map(({ name, outcome, detail }) => `${outcome}: ${name}: ${detail}`),
    ...notes,
  ];
}

function loadCells(load: string, side: string, figures: LoadFigures): string[] {
  const { requests_per_second, ttft_ms, tpot_ms, latency_ms, answered, requests } = figures;
  return [
    load.replace('_', ' '),
    side,
    requests_per_second.toPrecision(3),
    ...percentileCells(ttft_ms, ['p50', 'p95', 'p99']),
    ...percentileCells(tpot_ms, ['p50']),
    ...percentileCells(latency_ms, ['p50', 'p95']),
    `${answered}/${requests}`,
  ];
}

/** An estimate is marked: there are too few samples to bound it. */
function percentileCells(percentiles: TimePercentiles, names: readonly ('p50' | 'p95' | 'p99')[]): string[] {
  return names.map((name) => {
    const found = percentiles?.[name];
    return found === undefined ? NO_VALUE : `${found.status === 'estimate' ? '~' : ''}${formatDuration(found.value)}`;
  });
}

function ratioCells(row: LoadRow): string[] {
  return [
    row.load.replace('_', ' '),
    times(row.ratio_rps, row.ratio_rps_interval),
    times(row.ratio_ttft_p50, row.ratio_ttft_p50_interval),
    times(row.ratio_ttft_p95, row.ratio_ttft_p95_interval),
  ];
}

function times(ratio: number | null, interval: readonly [number, number] | null = null): string {
  if (ratio === null) return NO_VALUE;
  return interval === null ? `${ratio.toFixed(2)}×` : `${ratio.toFixed(2)}× (${interval[0].toFixed(2)}–${interval[1].toFixed(2)})`;
}

function duration(value: number | undefined): string {
  return value === undefined ? NO_VALUE : formatDuration(value);
}
