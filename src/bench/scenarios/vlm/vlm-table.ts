import type { RunRecord } from '../../../core/run-record.js';
import { formatDuration } from '../../../core/units.js';
import { asShare, NO_VALUE } from '../../report/figures.js';
import { markdownTable, type Cell } from '../../report/table.js';
import { compareSamples } from '../../statistics/compare-samples.js';
import { compareAnswers } from './compare-answers.js';
import { metricsOf } from './vlm-results.js';

/** A cell of a matrix: its record, or why there is none. */
export interface VlmRow {
  /** What was asked for. */
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
  readonly status: string;
  readonly record: RunRecord | null;
}

const COLUMNS = [
  ...['model', 'runtime', 'device', 'quantization', 'precision', 'status', 'load', 'latency', 'TTFT', 'TPOT', 'tok/s'],
  ...['memory', 'objects, F1', 'same answers', 'top-1, KL', 'speed-up'],
] as const;

/**
 * Cells side by side. Latency, TTFT and TPOT are medians; memory is the card's where the model lies there, else the peak RSS; `same
 * answers` is the share of texts that are those of the first cell of the same model, and `speed-up` the geometric mean of that cell's
 * latency / this one's over the pictures. `top-1, KL` is `parity:logits` in figures: the share of tokens that both think the likeliest, and
 * the mean divergence in nats. Where one text differs there is no speed-up: other work was done.
 */
export function vlmTable(rows: readonly VlmRow[]): string[] {
  const referenceOf = ({ record }: VlmRow): RunRecord | null =>
    rows.find((row) => row.record !== null && modelOf(row.record) === modelOf(record))?.record ?? null;
  return markdownTable({ columns: COLUMNS, rows: rows.map((row) => rowOf(row, referenceOf(row))) });
}

function modelOf(record: RunRecord | null): unknown {
  return record?.settings.effective['model_name'];
}

function rowOf({ settings, status, record }: VlmRow, reference: RunRecord | null): Cell[] {
  const effective = record?.settings.effective ?? {};
  const said = (...names: string[]): string => {
    const value = [...names.map((name) => effective[name]), ...names.map((name) => settings[name])].find(
      (one) => one !== undefined && one !== null,
    );
    return value === undefined ? NO_VALUE : String(value);
  };
  const head = [said('model_name', 'model'), said('runtime'), said('device'), said('quantization'), said('precision'), status];
  if (record === null || reference === null) return [...head, ...Array.from({ length: COLUMNS.length - head.length }, () => NO_VALUE)];
  const { summary, scores } = record;
  const metrics = metricsOf(record);
  const time = (name: string): string => {
    const value = summary[name]?.median;
    return value === undefined ? NO_VALUE : formatDuration(value);
  };
  const memory = metrics.memory_mb ?? metrics.peak_rss_mb;
  const f1 = scores?.find(({ name }) => name === 'caption.object_f1')?.value;
  const { share } = compareAnswers(record, reference);
  return [
    ...head,
    ...[time('load_ms'), time('latency_ms'), time('ttft_ms'), time('tpot_ms')],
    metrics.tokens_per_second?.toFixed(1) ?? NO_VALUE,
    memory === null ? NO_VALUE : `${memory.toFixed(0)} MB`,
    f1 === undefined ? NO_VALUE : asShare(f1),
    record === reference ? 'reference' : share === null ? NO_VALUE : asShare(share),
    logitsOf(record),
    record === reference || share !== 1 ? NO_VALUE : latencyGain(record, reference),
  ];
}

function logitsOf({ scores = [] }: RunRecord): string {
  const valueOf = (name: string): number | undefined => scores.find((score) => score.name === name)?.value;
  const [top1, kl] = [valueOf('parity.top1'), valueOf('parity.kl_mean')];
  return top1 === undefined ? NO_VALUE : `${(100 * top1).toFixed(1)}%, ${kl === undefined ? '∞' : kl.toExponential(1)}`;
}

/** Over the pictures that both answered. */
function latencyGain(record: RunRecord, reference: RunRecord): string {
  const ours = latencies(record);
  const pairs = [...latencies(reference)].flatMap(([picture, before]) => {
    const after = ours.get(picture);
    return after === undefined ? [] : [{ before, after }];
  });
  const [before, after] = [pairs.map((pair) => pair.before), pairs.map((pair) => pair.after)];
  const compared = compareSamples(before, after, { better: 'lower', paired: true, confidence: 0.95, seed: 1 });
  if (compared === undefined) return NO_VALUE;
  return `${compared.gain.toFixed(2)}×${compared.outcome === 'too noisy' ? ', too noisy' : ''}`;
}

function latencies({ samples }: RunRecord): Map<number, number> {
  const list = (name: string): readonly number[] => samples.find((one) => one.name === name)?.values ?? [];
  const times = list('latency_ms');
  return new Map(
    list('picture_index').flatMap((picture, at): [number, number][] => (times[at] === undefined ? [] : [[picture, times[at]]])),
  );
}
