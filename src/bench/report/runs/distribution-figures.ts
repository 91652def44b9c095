import type { Samples } from '../../../core/run-record.js';
import { percentile } from '../../../core/percentiles.js';
import { median } from '../../../core/sample-summary.js';
import { distributionChart, MAX_DOTS, type Distribution } from '../charts/distribution-chart.js';
import { lineChart } from '../charts/line-chart.js';
import { asCount, asUnit } from '../figures.js';
import type { LabelledRun } from '../labelled-run.js';
import type { ReportPart } from '../report-section.js';
import type { Cell, ReportTable } from '../table.js';
import { HEADLINES } from './headline.js';

/** Lists of the same quantity of different runs or, in one run, of different parts (`llamacpp/short/ttft_ms`). */
interface SampleGroup {
  readonly name: string;
  readonly unit: string;
  readonly rows: readonly Distribution[];
}

/** More charts would make the page long; the summaries have them all. */
const MAX_CHARTS = 8;
const MAX_ROWS = 24;
/** From here on the median has a bound (docs/BENCHMARKS.md), and a curve has a shape. */
const FEWEST_FOR_CURVE = 11;
const PERCENTILES = [0.5, 0.9, 0.95, 0.99];

/** For each quantity that was measured more than once: its samples as dots and, where there are enough, as a cumulative curve. */
export function distributionFigures(runs: readonly LabelledRun[]): ReportPart[] {
  return groupsOf(runs)
    .slice(0, MAX_CHARTS)
    .flatMap((group) => [dotsFigure(group), ...curveFigure(group)]);
}

function dotsFigure({ name, unit, rows }: SampleGroup): ReportPart {
  const thinned = rows.some(({ values }) => values.length > MAX_DOTS) ? ` ${MAX_DOTS} evenly spaced ones stand for all.` : '';
  const text = { title: `Distribution of ${name}`, description: `A dot for each sample, a line at the median.${thinned}` };
  return {
    kind: 'figure',
    text,
    chart: distributionChart({ ...text, rows, format: formatOf(unit) }),
    table: percentilesTable(name, unit, rows),
  };
}

function curveFigure({ name, unit, rows }: SampleGroup): ReportPart[] {
  const curves = rows.filter(({ values }) => values.length >= FEWEST_FOR_CURVE);
  if (curves.length === 0) return [];
  const text = {
    title: `Cumulative share of ${name}`,
    description: 'How many of the samples were at most so large: the further left a curve, the smaller.',
  };
  const lines = curves.map(({ label, values }) => ({ label, points: cumulative(values) }));
  const chart = lineChart({
    ...text,
    lines,
    form: 'steps',
    fromY: 0,
    formatX: formatOf(unit),
    formatY: (share) => `${Math.round(100 * share)}%`,
  });
  return [{ kind: 'figure', text, chart, table: boundsTable(name, unit, curves) }];
}

/** Steps of a curve that are enough for the eye. */
const MAX_STEPS = 400;

function cumulative(values: readonly number[]): (readonly [value: number, share: number])[] {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const steps = Math.min(n, MAX_STEPS);
  const ranks = Array.from({ length: steps }, (_, step) => (steps === 1 ? n - 1 : Math.round((step * (n - 1)) / (steps - 1))));
  return [[sorted[0] ?? 0, 0] as const, ...ranks.map((rank) => [sorted[rank] ?? 0, (rank + 1) / n] as const)];
}

function percentilesTable(name: string, unit: string, rows: readonly Distribution[]): ReportTable {
  return {
    caption: `${name}: percentiles`,
    columns: ['samples', 'n', 'least', ...PERCENTILES.map((p) => `p${100 * p}`), 'most'],
    rows: rows.map(({ label, values }): Cell[] => {
      const sorted = [...Float64Array.from(values).sort()];
      return [
        label,
        asCount(sorted.length),
        asUnit(sorted[0] ?? NaN, unit),
        ...PERCENTILES.map((p) => asUnit(percentile(sorted, p).value, unit)),
        asUnit(sorted.at(-1) ?? NaN, unit),
      ];
    }),
  };
}

/** What a percentile is not above, with 99% confidence; where there are too few samples for that, how many there are. */
function boundsTable(name: string, unit: string, rows: readonly Distribution[]): ReportTable {
  return {
    caption: `${name}: what a percentile is not above, with 99% confidence`,
    columns: ['samples', ...PERCENTILES.map((p) => `p${100 * p}`)],
    rows: rows.map(({ label, values }): Cell[] => {
      const sorted = [...Float64Array.from(values).sort()];
      return [
        label,
        ...PERCENTILES.map((p): Cell => {
          const { upperBound } = percentile(sorted, p);
          return upperBound === null ? `estimate, n = ${sorted.length}` : asUnit(upperBound, unit);
        }),
      ];
    }),
  };
}

function groupsOf(runs: readonly LabelledRun[]): SampleGroup[] {
  const groups = new Map<string, SampleGroup & { readonly rows: Distribution[] }>();
  for (const { label, record } of runs) {
    for (const list of record.samples) {
      const split = list.name.lastIndexOf('/');
      const [part, name] = [list.name.slice(0, Math.max(0, split)), list.name.slice(split + 1)];
      if (!isShown(list, name)) continue;
      const key = `${name} ${list.unit}`;
      const group = groups.get(key) ?? { name, unit: list.unit, rows: [] };
      groups.set(key, group);
      const row = [...(runs.length > 1 || part === '' ? [label] : []), ...(part === '' ? [] : [part])].join(' ');
      if (group.rows.length < MAX_ROWS) group.rows.push({ label: row, values: list.values, median: median(list.values) });
    }
  }
  const rank = (name: string): number => {
    const at = HEADLINES.findIndex(({ names }) => (names as readonly string[]).includes(name));
    return at < 0 ? HEADLINES.length : at;
  };
  return [...groups.values()]
    .filter(({ rows }) => rows.some(({ values }) => values.length > 1))
    .sort((a, b) => rank(a.name) - rank(b.name));
}

/** Stages have a chart of their own, the machine's memory is in the roofline, and counts are no measurements. */
function isShown({ unit }: Samples, name: string): boolean {
  return !name.startsWith('stage.') && name !== 'read_bandwidth' && unit !== 'count' && unit !== 'tokens';
}

function formatOf(unit: string): (value: number) => string {
  return (value) => asUnit(value, unit).text;
}
