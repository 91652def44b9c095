import { html, type Html } from '../html.js';
import { axisOver, positionOn } from './axis.js';
import { CHART_WIDTH, keepInside, labelColumn, svg, svgLine, svgText, tickText, type ChartText } from './svg.js';

export interface Distribution {
  readonly label: string;
  /** In any order, at least one. */
  readonly values: readonly number[];
  readonly median: number;
}

export interface DistributionChartOptions extends ChartText {
  readonly rows: readonly Distribution[];
  readonly format: (value: number) => string;
}

const TOP = 14;
const ROW = 74;
const BOTTOM = 30;
/** Samples this near to each other on the axis are stacked. */
const BIN = 6;
const REACH = 22;
const RADIUS = 2.8;
/** More dots than this show nothing more; evenly spaced order statistics stand for them. */
export const MAX_DOTS = 400;

/** Every sample as a dot, stacked where they crowd, and the median as a line. */
export function distributionChart({ rows, format, ...text }: DistributionChartOptions): Html {
  const { width: labelWidth, labels } = labelColumn(rows.map(({ label }) => label));
  const [left, right] = [labelWidth, CHART_WIDTH - 24];
  const bottom = TOP + ROW * rows.length;
  const axis = axisOver(
    rows.flatMap(({ values }) => extremes(values)),
    { count: 6 },
  );
  const at = (value: number): number => positionOn(axis, value, left, right);
  return svg(text, bottom + BOTTOM, [
    ...axis.ticks.flatMap((tick) => [
      svgLine('grid', [at(tick), TOP], [at(tick), bottom]),
      svgText(at(tick), bottom + 18, tickText(tick, format), { kind: 'tick', anchor: 'middle' }),
    ]),
    ...rows.flatMap(({ values, median }, row) => {
      const y = TOP + ROW * row + ROW / 2 + 8;
      const label = format(median);
      return [
        svgText(0, y + 4, labels[row] ?? ''),
        ...dots(values, at, y),
        svgLine('median', [at(median), y - REACH - 4], [at(median), y + REACH + 4]),
        svgText(keepInside(at(median), label, left, right), y - REACH - 9, label, { kind: 'value', anchor: 'middle' }),
      ];
    }),
  ]);
}

function dots(values: readonly number[], at: (value: number) => number, y: number): Html[] {
  const stacks = new Map<number, number[]>();
  for (const value of thinned(values)) {
    const bin = Math.round(at(value) / BIN);
    stacks.set(bin, [...(stacks.get(bin) ?? []), at(value)]);
  }
  const tallest = Math.max(...[...stacks.values()].map((stack) => stack.length));
  const step = Math.min(2 * RADIUS + 0.4, (2 * REACH) / Math.max(1, tallest - 1));
  return [...stacks.values()].flatMap((stack) =>
    stack.map((x, index) => {
      const cy = Number((y + (index - (stack.length - 1) / 2) * step).toFixed(1));
      return html`<circle class="sample" cx="${x}" cy="${cy}" r="${RADIUS}" /> `;
    }),
  );
}

function thinned(values: readonly number[]): readonly number[] {
  if (values.length <= MAX_DOTS) return values;
  const sorted = Float64Array.from(values).sort();
  return Array.from({ length: MAX_DOTS }, (_, index) => sorted[Math.round((index * (sorted.length - 1)) / (MAX_DOTS - 1))] ?? NaN);
}

function extremes(values: readonly number[]): number[] {
  return values.length === 0 ? [] : [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}
