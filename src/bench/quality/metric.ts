import type { Samples, Score } from '../../core/run-record.js';
import { bootstrapInterval } from '../statistics/bootstrap.js';

/** A score that is computed from numbers of each item that add up; so it can be recomputed and bootstrapped. */
export interface Metric {
  readonly name: string;
  readonly unit: string;
  /** Names of the numbers. */
  readonly columns: readonly string[];
  /** One row for each item. */
  readonly rows: readonly (readonly number[])[];
  /** The score, from the rows' sums. */
  readonly score: (sums: readonly number[]) => number;
}

/** Scores, and the numbers of each item that they follow from. */
export interface Scored {
  readonly scores: readonly Score[];
  readonly samples: readonly Samples[];
}

const COUNT = 'items';
const LEVEL = 0.95;

/** The mean of one value of each item. */
export function meanMetric(name: string, unit: string, values: readonly number[]): Metric {
  return { name, unit, columns: [name, COUNT], rows: values.map((value) => [value, 1]), score: ([sum = 0, n = 0]) => sum / n };
}

/** Adds up the rows that belong to one item: of a picture's questions, of an album's pictures. @param owners item of each row, from 0 */
export function perItem(metric: Metric, owners: readonly number[], items: number): Metric {
  const rows = Array.from({ length: items }, () => metric.columns.map(() => 0));
  for (const [at, row] of metric.rows.entries()) {
    const sums = rows[owners[at] ?? -1];
    for (const [column, value] of row.entries()) if (sums !== undefined) sums[column] = (sums[column] ?? 0) + value;
  }
  return { ...metric, rows };
}

/** The value of a metric over all its items. */
function metricValue({ columns, rows, score }: Metric): number {
  return score(columns.map((_, column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0)));
}

/** The metric of what can be had without looking, as a score `chance.<name>`; none when it is a ratio of nothing. */
export function chanceScore(metric: Metric): Score[] {
  const value = metricValue(metric);
  const { name, unit, rows } = metric;
  return Number.isFinite(value) ? [{ name: `chance.${name}`, unit, value, n: rows.length, interval: null }] : [];
}

/** Every metric over at least one item with its 95% bootstrap interval; one that is a ratio of nothing is left out. */
export function scoreMetrics(metrics: readonly Metric[], seed: number): Scored {
  const scores: Score[] = [];
  // Metrics share columns; each becomes one list.
  const samples = new Map<string, Samples>();
  for (const metric of metrics) {
    const value = metricValue(metric);
    if (!Number.isFinite(value)) continue;
    const { name, unit, columns, rows, score } = metric;
    const [low, high] = bootstrapInterval(rows, score, { seed, confidence: LEVEL });
    scores.push({ name, unit, value, n: rows.length, interval: { low, high, level: LEVEL } });
    for (const [column, columnName] of columns.entries()) {
      const values = rows.map((row) => row[column] ?? 0);
      samples.set(columnName, { name: columnName, unit: columnName === name ? unit : 'count', values, over: 'items' });
    }
  }
  samples.delete(COUNT);
  return { scores, samples: [...samples.values()] };
}
