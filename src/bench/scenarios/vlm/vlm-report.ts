import type { RunRecord } from '../../../core/run-record.js';
import type { SampleSummary } from '../../../core/sample-summary.js';
import { formatBytes, formatDuration } from '../../../core/units.js';
import { NO_VALUE } from '../../report/figures.js';
import { scoresTable } from '../../quality/scores-table.js';
import { markdownTable } from '../../report/table.js';
import { VLM_STAGES } from './measure-picture.js';
import { metricsOf } from './vlm-results.js';

const TIMES = [
  ['latency_ms', 'latency'],
  ['ttft_ms', 'first token (TTFT)'],
  ['tpot_ms', 'each further token (TPOT)'],
] as const;

/** Which percentiles are bounded, and what befell single stages, is for those who read the record. */
const FOR_THE_RECORD = /^percentile:|^(?:drift|outliers|noise):(?!latency_ms|ttft_ms|tpot_ms)/;

/** A run as Markdown: what it took, where the time went, how good it was, and what to think of it. */
export function vlmReport(record: RunRecord): string[] {
  const { summary, settings, scores, verdicts, notes } = record;
  const { effective } = settings;
  const items = summary['latency_ms']?.n ?? 0;
  const said = (name: string): string => String(effective[name] ?? NO_VALUE);
  const head = `${said('model_name')} (${said('precision')}) by ${said('runtime')} on ${said('device')}: ${items} pictures`;
  return [
    Number(effective['batch']) > 1 ? `${head}, ${said('batch')} at a time` : head,
    '',
    ...markdownTable({
      columns: ['', 'mean', 'median', 'p90', 'lowest', 'highest'],
      rows: [
        ...TIMES.map(([name, title]) => timeRow(title, summary[name])),
        ...VLM_STAGES.filter((stage) => isWorthTelling(summary[`stage.${stage}_ms`])).map((stage) =>
          timeRow(`… ${stage}`, summary[`stage.${stage}_ms`]),
        ),
      ],
    }),
    '',
    ...markdownTable({ columns: ['', ''], rows: figures(record) }),
    ...(scores === undefined ? [] : ['', ...scoresTable(scores)]),
    '',
    ...verdicts.filter(({ name }) => !FOR_THE_RECORD.test(name)).map(({ name, outcome, detail }) => `${outcome}: ${name}: ${detail}`),
    ...notes,
  ];
}

function timeRow(title: string, summary: SampleSummary | undefined): string[] {
  if (summary === undefined) return [title, ...Array.from({ length: 5 }, () => NO_VALUE)];
  const p90 = summary.percentiles.find(({ p }) => p === 0.9)?.value ?? summary.max;
  return [title, ...[summary.mean, summary.median, p90, summary.min, summary.max].map(formatDuration)];
}

function isWorthTelling(summary: SampleSummary | undefined): boolean {
  return summary !== undefined && summary.max > 0;
}

function figures(record: RunRecord): string[][] {
  const { memory, resources } = record;
  const metrics = metricsOf(record);
  const number = (value: number | null, unit: string, digits = 1): string =>
    value === null ? NO_VALUE : `${value.toFixed(digits)} ${unit}`;
  const bytes = (value: number | null | undefined): string => (typeof value === 'number' ? formatBytes(value) : NO_VALUE);
  const device =
    metrics.memory_mb === null
      ? []
      : [['memory of the card, loaded / peak', `${bytes(1e6 * metrics.memory_mb)} / ${bytes(resources?.vram.peak_bytes)}`]];
  return [
    ['load time', number(metrics.load_time_seconds, 's', 2)],
    ['tokens per second of a picture', number(metrics.tokens_per_second, 'tok/s')],
    ['tokens per second of all', number(metrics.throughput_tokens_per_second, 'tok/s')],
    ['pictures per second', number(metrics.pictures_per_second, '/s', 2)],
    ['memory (RSS), loaded / peak', `${bytes(memory['loaded']?.rss_bytes)} / ${bytes(resources?.memory.peakRss_bytes)}`],
    ...device,
    ['CPU', metrics.cpu_percent === null ? NO_VALUE : `${metrics.cpu_percent.toFixed(0)}% of a core`],
    ['power of the machine', number(metrics.power_watts, 'W')],
  ];
}
