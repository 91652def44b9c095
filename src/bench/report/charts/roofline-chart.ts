import { html, type Html } from '../html.js';
import { COLOURS, legendOf } from './legend.js';
import { CHART_WIDTH, svg, svgLine, svgText, type ChartText } from './svg.js';

export interface RooflinePoint {
  readonly label: string;
  /** Bytes that have to be read from memory for one token; more than 0. */
  readonly bytesPerToken: number;
  /** More than 0. */
  readonly tokensPerSecond: number;
}

export interface RooflineChartOptions extends ChartText {
  /** What the memory gives, bytes per second; more than 0. */
  readonly bandwidth: number;
  /** At least one. */
  readonly points: readonly RooflinePoint[];
  readonly formatBytes: (value: number) => string;
}

const HEIGHT = 260;
const [LEFT, RIGHT, BOTTOM] = [72, 24, 44];

/**
 * Tokens per second over bytes per token, both axes logarithmic: the memory's limit, bandwidth / bytes, is a straight line that nothing
 * read from memory gets above (Williams, Waterman, Patterson: Roofline, CACM 52(4), 2009, on the side where memory limits).
 */
export function rooflineChart({ bandwidth, points, formatBytes, ...text }: RooflineChartOptions): Html {
  const legend = legendOf(points.map(({ label }) => label));
  const [top, bottom] = [legend.height + 14, legend.height + 14 + HEIGHT];
  const [left, right] = [LEFT, CHART_WIDTH - RIGHT];
  const bytes = points.map(({ bytesPerToken }) => bytesPerToken);
  const x = powersOver(bytes, 2);
  const y = powersOver([...points.map(({ tokensPerSecond }) => tokensPerSecond), ...bytes.map((each) => bandwidth / each)], 10);
  const across = (value: number): number => along(x, value, left, right);
  const down = (value: number): number => along(y, value, bottom, top);
  // Where the line crosses the frame.
  const ends = [Math.max(x.low, bandwidth / y.high), Math.min(x.high, bandwidth / y.low)] as const;
  const roof = ends.map((at) => `${across(at)},${down(bandwidth / at)}`).join(' ');
  return svg(text, bottom + BOTTOM, [
    ...legend.items,
    ...x.ticks.flatMap((tick) => [
      svgLine('grid', [across(tick), top], [across(tick), bottom]),
      svgText(across(tick), bottom + 18, formatBytes(tick), { kind: 'tick', anchor: 'middle' }),
    ]),
    ...y.ticks.flatMap((tick) => [
      svgLine('grid', [left, down(tick)], [right, down(tick)]),
      svgText(left - 8, down(tick) + 4, `${tick} tok/s`, { kind: 'tick', anchor: 'end' }),
    ]),
    svgText(right, bottom + 38, 'bytes read for a token', { kind: 'note', anchor: 'end' }),
    html`<polyline class="roof" points="${roof}"><title>limit by memory, ${formatBytes(bandwidth)} per second</title></polyline> `,
    ...points.map(
      ({ label, bytesPerToken, tokensPerSecond }, index) =>
        html`<circle class="part p${index % COLOURS}" cx="${across(bytesPerToken)}" cy="${down(tokensPerSecond)}" r="7"
          ><title>${label}</title></circle
        > `,
    ),
  ]);
}

interface LogAxis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** Whole powers of the base around the values, no more than nine of them as ticks. */
function powersOver(values: readonly number[], base: number): LogAxis {
  const exponents = values.map((value) => Math.log(value) / Math.log(base));
  // Powers that are hit exactly must not be missed by a rounding error.
  const first = Math.floor(Math.min(...exponents) + 1e-9);
  const last = Math.max(Math.ceil(Math.max(...exponents) - 1e-9), first + 1);
  const step = Math.ceil((last - first) / 8);
  const ticks = Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => powerOf(base, first + index * step));
  return { low: powerOf(base, first), high: powerOf(base, last), ticks };
}

/** Without the error that 10 ** -3 has. */
function powerOf(base: number, exponent: number): number {
  return Number((base ** exponent).toPrecision(15));
}

function along({ low, high }: LogAxis, value: number, from: number, to: number): number {
  const share = Math.min(1, Math.max(0, Math.log(value / low) / Math.log(high / low)));
  return Number((from + share * (to - from)).toFixed(1));
}
