import { html, type Html } from '../html.js';
import { axisOver, positionOn } from './axis.js';
import { CHART_WIDTH, keepInside, labelColumn, svg, svgLine, svgText, tickText, type ChartText } from './svg.js';

/** One value and how far it may be trusted, or how far the samples spread. */
export interface IntervalMark {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

/** One quantity of all rows, with an axis of its own. */
export interface IntervalPanel {
  readonly title: string;
  /** Which way is good: said under the title. */
  readonly note: string;
  readonly format: (value: number) => string;
  /** Bars begin at 0; dots may have an axis that begins anywhere. Default `dots`. */
  readonly form?: 'bars' | 'dots';
  /** The ends of the axis are round numbers of these, for example 2²⁰ for MiB. Default 1. */
  readonly unit?: number;
  /** One for each row; null where there is no value. */
  readonly marks: readonly (IntervalMark | null)[];
}

export interface IntervalChartOptions extends ChartText {
  /** Names of the rows. */
  readonly rows: readonly string[];
  readonly panels: readonly IntervalPanel[];
}

const TOP = 52;
const ROW = 44;
const BOTTOM = 26;
const GAP = 36;

/** Rows in several panels side by side, so that size, speed and quality of one row are seen in one line. */
export function intervalChart({ rows, panels, ...text }: IntervalChartOptions): Html {
  const { width: labelWidth, labels } = labelColumn(rows);
  const panelWidth = (CHART_WIDTH - labelWidth - GAP * (panels.length - 1) - 12) / panels.length;
  const bottom = TOP + ROW * rows.length;
  return svg(text, bottom + BOTTOM, [
    ...labels.map((label, row) => svgText(0, middleOf(row) + 4, label)),
    ...panels.flatMap((panel, index) => {
      const left = Math.round(labelWidth + index * (panelWidth + GAP));
      return panelParts(panel, left, Math.round(left + panelWidth), bottom);
    }),
  ]);
}

function panelParts(
  { title, note, format, form = 'dots', unit, marks }: IntervalPanel,
  left: number,
  right: number,
  bottom: number,
): Html[] {
  const values = marks.flatMap((mark) => (mark === null ? [] : [mark.value, mark.low ?? mark.value, mark.high ?? mark.value]));
  const axis = axisOver(values, { count: 3, unit, ...(form === 'bars' && { from: 0 }) });
  const at = (value: number): number => positionOn(axis, value, left, right);
  return [
    svgText(left, 16, title, { kind: 'heading' }),
    svgText(left, 33, note, { kind: 'note' }),
    ...axis.ticks.map((tick) => svgLine('grid', [at(tick), TOP - 8], [at(tick), bottom])),
    // The ends are enough to read the axis by; more would run into each other.
    svgText(left, bottom + 17, tickText(axis.low, format), { kind: 'tick' }),
    svgText(right, bottom + 17, tickText(axis.high, format), { kind: 'tick', anchor: 'end' }),
    ...marks.flatMap((mark, row) => {
      const y = middleOf(row);
      if (mark === null) return [svgText(left, y + 4, 'no value', { kind: 'note' })];
      const { value, low, high } = mark;
      const label = format(value);
      return [
        form === 'bars'
          ? html`<rect class="bar" x="${left}" y="${y - 4}" width="${Number((at(value) - left).toFixed(1))}" height="14" rx="2" /> `
          : html`<circle class="dot" cx="${at(value)}" cy="${y + 3}" r="5" /> `,
        ...(low === undefined || high === undefined ? [] : [svgLine('whisker', [at(low), y + 3], [at(high), y + 3])]),
        svgText(keepInside(at(value), label, left - 10, right + 10), y - 9, label, { kind: 'value', anchor: 'middle' }),
      ];
    }),
  ];
}

function middleOf(row: number): number {
  return TOP + ROW * row + ROW / 2;
}
