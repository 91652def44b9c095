import { html, type Html } from '../html.js';
import { axisOver, positionOn } from './axis.js';
import { COLOURS, legendOf } from './legend.js';
import { CHART_WIDTH, labelColumn, svg, svgLine, svgText, textWidth, tickText, type ChartText } from './svg.js';

export interface StackedBarsOptions extends ChartText {
  /** What the parts are called, in the order they are stacked; more than eight share colours. */
  readonly parts: readonly string[];
  /** `values` has one number from 0 for each part. */
  readonly rows: readonly { readonly label: string; readonly values: readonly number[] }[];
  readonly format: (value: number) => string;
}

const ROW = 46;
const BAR = 24;
const BOTTOM = 28;

/** A bar for each row, made of parts that add up; the sum stands at its end. */
export function stackedBarsChart({ parts, rows, format, ...text }: StackedBarsOptions): Html {
  const { width: labelWidth, labels } = labelColumn(rows.map(({ label }) => label));
  const totals = rows.map(({ values }) => sum(values));
  const totalWidth = Math.max(0, ...totals.map((total) => textWidth(format(total))));
  const [left, right] = [labelWidth, CHART_WIDTH - 16 - totalWidth];
  const legend = legendOf(parts);
  const top = legend.height + 10;
  const bottom = top + ROW * rows.length;
  const axis = axisOver(totals, { from: 0, count: 5 });
  const at = (value: number): number => positionOn(axis, value, left, right);
  return svg(text, bottom + BOTTOM, [
    ...legend.items,
    ...axis.ticks.flatMap((tick) => [
      svgLine('grid', [at(tick), top], [at(tick), bottom]),
      svgText(at(tick), bottom + 18, tickText(tick, format), { kind: 'tick', anchor: 'middle' }),
    ]),
    ...rows.flatMap(({ values }, row) => {
      const y = top + ROW * row + (ROW - BAR) / 2;
      const total = totals[row] ?? 0;
      return [
        svgText(0, y + BAR / 2 + 4, labels[row] ?? ''),
        ...values.map((value, part) => {
          const [x, end] = [at(sum(values.slice(0, part))), at(sum(values.slice(0, part + 1)))];
          return html`<rect class="part p${part % COLOURS}" x="${x}" y="${y}" width="${Number((end - x).toFixed(1))}" height="${BAR}"
            ><title>${parts[part] ?? ''}: ${format(value)}</title></rect
          > `;
        }),
        svgText(at(total) + 8, y + BAR / 2 + 4, format(total), { kind: 'value' }),
      ];
    }),
  ]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
