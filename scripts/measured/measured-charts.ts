import { axisOver, positionOn } from '../../src/bench/report/charts/axis.js';
import { intervalChart } from '../../src/bench/report/charts/interval-chart.js';
import { CHART_WIDTH, svg, svgLine, svgText } from '../../src/bench/report/charts/svg.js';
import { html, type Html } from '../../src/bench/report/html.js';
import type { Ablated, Measurements } from './read-measurements.js';

/** A page's style does not reach into a file of its own. */
const STYLE = html`<style>
  text {
    font: 13px sans-serif;
    fill: #1d2129;
  }
  .heading,
  .value {
    font-weight: 600;
  }
  .note,
  .tick {
    fill: #5d6470;
  }
  .grid {
    stroke: #dfe1e5;
  }
  .dot,
  .p0 {
    fill: #3d6a9e;
  }
  .whisker {
    stroke: #3d6a9e;
    stroke-width: 2;
  }
  .p1 {
    fill: #b8790f;
  }
  .p2 {
    fill: #2f7d6d;
  }
  .p3 {
    fill: #7a5c99;
  }
</style>`;

const FAMILIES = [
  { name: 'rotated (hadamard)', of: /^hadamard/ },
  { name: 'GEAR', of: /^gear/ },
  { name: 'quantised, not rotated', of: /^full:/ },
  { name: 'PyramidKV', of: /^pyramidkv:/ },
];
const HEIGHT = 300;
const [LEFT, RIGHT, TOP] = [64, CHART_WIDTH - 24, 44];

/** How far a cache diverges by how much smaller it is, KL on a logarithmic axis: the lower and the further right, the better. */
export function frontierChart(ablated: readonly Ablated[]): string {
  const points = ablated.flatMap(({ row: { cache, kv_ratio: ratio, kl_mean: kl } }) => {
    const family = FAMILIES.findIndex(({ of }) => of.test(cache));
    return family < 0 || ratio === null || kl === null || kl <= 0 ? [] : [{ cache, family, ratio, power: Math.log10(kl) }];
  });
  const x = axisOver(
    points.map(({ ratio }) => ratio),
    { count: 6 },
  );
  const y = axisOver(
    points.map(({ power }) => power),
    { count: 4 },
  );
  const bottom = TOP + HEIGHT;
  const across = (ratio: number): number => positionOn(x, ratio, LEFT, RIGHT);
  const down = (power: number): number => Number((TOP + bottom - positionOn(y, power, TOP, bottom)).toFixed(1));
  const families = FAMILIES.flatMap(({ name }, family) => (points.some((point) => point.family === family) ? [{ name, family }] : []));
  const text = { title: 'Divergence by size', description: 'KL from plain decoding by how many times smaller a cache is.' };
  return alone(
    svg(text, bottom + 44, [
      ...families.flatMap(({ name, family }, at) => [
        html`<circle class="p${family}" cx="${LEFT + at * 172 + 6}" cy="12" r="5" /> `,
        svgText(LEFT + at * 172 + 18, 16, name),
      ]),
      ...y.ticks.flatMap((power) => [
        svgLine('grid', [LEFT, down(power)], [RIGHT, down(power)]),
        svgText(LEFT - 8, down(power) + 4, (10 ** power).toExponential(0), { kind: 'tick', anchor: 'end' }),
      ]),
      ...x.ticks.map((ratio) => svgText(across(ratio), bottom + 18, `${ratio}×`, { kind: 'tick', anchor: 'middle' })),
      svgText(LEFT, bottom + 38, 'times smaller than f16; upwards: mean KL, nats', { kind: 'note' }),
      ...points.flatMap(({ cache, family, ratio, power }) => [
        html`<circle class="p${family}" cx="${across(ratio)}" cy="${down(power)}" r="5" /> `,
        ...(across(ratio) > RIGHT - 150
          ? [svgText(across(ratio) - 9, down(power) + 4, cache, { anchor: 'end' })]
          : [svgText(across(ratio) + 9, down(power) + 4, cache)]),
      ]),
    ]),
  );
}

/** Speed-ups beside plain decoding, measured and predicted. */
export function speedupChart({ speculation, planted }: Measurements): string {
  const all = [
    ...speculation.map((one) => ({ name: one.draft.replace('.gguf', ''), ...one })),
    ...planted.flatMap(({ results }) =>
      results.map((one) => ({ ...one, name: one.name.replace(/early exit after (\d+) of (\d+)/, 'exit $1/$2') })),
    ),
  ];
  const times = (value: number): string => `${value.toFixed(2)}×`;
  const chart = intervalChart({
    title: 'Speed-up by strategy',
    description: 'Beside plain decoding, measured and predicted.',
    rows: all.map(({ name }) => name),
    panels: [
      {
        title: 'speed-up, measured',
        note: 'lowest, median, highest; plain is 1×',
        format: times,
        marks: all.map(({ speedup: { median, lowest, highest } }) => ({ value: median, low: lowest, high: highest })),
      },
      {
        title: 'predicted',
        note: 'of v(m), c and acceptance, or layers',
        format: times,
        marks: all.map(({ predicted_speedup: value }) => (value === null ? null : { value })),
      },
    ],
  });
  return alone(chart);
}

/** A chart as a file of its own. */
function alone(chart: Html): string {
  return `${String(chart)
    .replace(
      /<svg ([^>]*)>/,
      (_, attributes: string) =>
        `<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${String(STYLE)}<rect width="100%" height="100%" fill="#fff"/>`,
    )
    .replace(/\s*\n\s*/g, ' ')
    .trim()}\n`;
}
