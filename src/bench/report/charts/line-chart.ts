import { html, type Html } from '../html.js';
import { type Axis, axisOver, positionOn } from './axis.js';
import { COLOURS, legendOf } from './legend.js';
import { CHART_WIDTH, svg, svgLine, svgText, textWidth, tickText, type ChartText } from './svg.js';

export interface ChartLine {
  readonly label: string;
  /** By ascending x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChartOptions extends ChartText {
  readonly lines: readonly ChartLine[];
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
  /** The ends of the y axis are round numbers of these, for example 2²⁰ for MiB. Default 1. */
  readonly unitY?: number | undefined;
  /** Where the y axis begins at the latest. Default: at the least value. */
  readonly fromY?: number | undefined;
  /** Straight from point to point, or level up to the next one. Default `straight`. */
  readonly form?: 'straight' | 'steps';
}

const HEIGHT = 200;
const BOTTOM = 28;
const RIGHT = 24;

/** Lines over one axis; the first eight are told apart by colour, the next eight by dashes too. */
export function lineChart({ lines, formatX, formatY, unitY, fromY, form = 'straight', ...text }: LineChartOptions): Html {
  const legend = legendOf(lines.map(({ label }) => label));
  const [top, bottom] = [legend.height + 12, legend.height + 12 + HEIGHT];
  const x = axisOver(
    lines.flatMap(({ points }) => points.map(([at]) => at)),
    { count: 6 },
  );
  const y = axisOver(
    lines.flatMap(({ points }) => points.map(([, value]) => value)),
    { count: 4, unit: unitY, from: fromY },
  );
  const labels = y.ticks.map((tick) => tickText(tick, formatY));
  const left = Math.ceil(Math.max(0, ...labels.map(textWidth)) + 16);
  const right = CHART_WIDTH - RIGHT;
  const place = ([at, value]: readonly [number, number]): Place => [positionOn(x, at, left, right), down(y, value, top, bottom)];
  return svg(text, bottom + BOTTOM, [
    ...legend.items,
    ...y.ticks.flatMap((tick, index) => {
      const height = down(y, tick, top, bottom);
      return [
        svgLine('grid', [left, height], [right, height]),
        svgText(left - 8, height + 4, labels[index] ?? '', { kind: 'tick', anchor: 'end' }),
      ];
    }),
    ...x.ticks.map((tick) =>
      svgText(positionOn(x, tick, left, right), bottom + 18, tickText(tick, formatX), { kind: 'tick', anchor: 'middle' }),
    ),
    ...lines.map(({ label, points }, index) => line(label, points.map(place), index, form)),
  ]);
}

type Place = readonly [x: number, y: number];

function line(label: string, places: readonly Place[], index: number, form: 'straight' | 'steps'): Html {
  const kind = `line p${index % COLOURS}${index % (2 * COLOURS) < COLOURS ? '' : ' dashed'}`;
  const corners =
    form === 'straight'
      ? places
      : places.flatMap(([x, y], at): Place[] => [
          [x, places[at - 1]?.[1] ?? y],
          [x, y],
        ]);
  const path = corners.map(([x, y]) => `${x},${y}`).join(' ');
  return html`<polyline class="${kind}" points="${path}"><title>${label}</title></polyline> `;
}

/** Where a value lies between `top` and `bottom`; pages count downwards. */
function down(axis: Axis, value: number, top: number, bottom: number): number {
  return Number((top + bottom - positionOn(axis, value, top, bottom)).toFixed(1));
}
