import { percentile } from '../../../core/percentiles.js';
import type { RunRecord } from '../../../core/run-record.js';
import { median } from '../../../core/sample-summary.js';
import { scoreFields } from '../../quality/score-fields.js';
import type { LabelledRun } from '../../report/labelled-run.js';
import { STAGES, type Stage } from './precision-turn.js';

/** The middle of some samples and how far they spread. */
export interface Spread {
  readonly n: number;
  readonly median: number;
  /** Between these lies the middle half. */
  readonly q1: number;
  readonly q3: number;
  readonly p90: number;
  readonly min: number;
  readonly max: number;
}

/** The figures of one precision, all from its record; those of its answers are under the names of the scores. */
export interface PrecisionRow {
  readonly precision: string;
  readonly status: 'ok';
  /** The record's id. */
  readonly run: string;
  readonly pictures: number;
  /** Of both halves together, and of each. */
  readonly file_bytes: number;
  readonly model_bytes: number;
  readonly mmproj_bytes: number;
  readonly load_ms: Spread | null;
  readonly rss_bytes: Spread | null;
  readonly latency_ms: Spread | null;
  readonly ttft_ms: Spread | null;
  readonly tpot_ms: Spread | null;
  /** Tokens of the prompt, picture included, per second. */
  readonly prefill_rate: Spread | null;
  /** Means, which add up to the mean latency. */
  readonly stages_ms: Readonly<Record<Stage, number>>;
  readonly scores: ReturnType<typeof scoreFields>;
}

export function precisionRow({ label, record }: LabelledRun): PrecisionRow {
  const bytesOf = (role: string): number => record.models[role]?.bytes ?? 0;
  const spread = (name: string): Spread | null => spreadOf(samplesOf(record, name));
  return {
    precision: label,
    status: 'ok',
    run: record.id,
    pictures: samplesOf(record, 'latency_ms').length,
    file_bytes: bytesOf('model') + bytesOf('mmproj'),
    model_bytes: bytesOf('model'),
    mmproj_bytes: bytesOf('mmproj'),
    load_ms: spread('load_ms'),
    rss_bytes: spread('rss_bytes'),
    latency_ms: spread('latency_ms'),
    ttft_ms: spread('ttft_ms'),
    tpot_ms: spread('tpot_ms'),
    prefill_rate: spread('prefill_rate'),
    stages_ms: stageMeans(record),
    scores: scoreFields(record.scores ?? []),
  };
}

/** Raw samples of a record; empty where it has none of that name. */
export function samplesOf({ samples }: RunRecord, name: string): readonly number[] {
  return samples.find((list) => list.name === name)?.values ?? [];
}

function spreadOf(values: readonly number[]): Spread | null {
  const sorted = [...Float64Array.from(values).sort()];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) return null;
  const at = (p: number): number => percentile(sorted, p).value;
  return { n: sorted.length, median: median(sorted), q1: at(0.25), q3: at(0.75), p90: at(0.9), min, max };
}

function stageMeans(record: RunRecord): Record<Stage, number> {
  const mean = (stage: Stage): number => record.summary[`stage.${stage}_ms`]?.mean ?? 0;
  return Object.fromEntries(STAGES.map((stage) => [stage, mean(stage)])) as Record<Stage, number>;
}
