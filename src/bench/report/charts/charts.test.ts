import { describe, expect, it } from 'vitest';

import { elementsOf, parsePage, type PageElement } from '../../../../test/report/parse-page.js';
import type { Html } from '../html.js';
import { distributionChart, MAX_DOTS } from './distribution-chart.js';
import { intervalChart } from './interval-chart.js';
import { lineChart } from './line-chart.js';
import { rooflineChart } from './roofline-chart.js';
import { stackedBarsChart } from './stacked-bars-chart.js';
import { CHART_WIDTH } from './svg.js';

const TEXT = { title: 'A title', description: 'What is "shown" & why' };
const HOSTILE = '</svg><script>alert(1)</script>' + 'x'.repeat(500);
const ms = (value: number): string => `${value} ms`;

const parsed = (chart: Html): PageElement =>
  parsePage(String(chart)).children[0] ?? { tag: '', attributes: new Map(), children: [], text: '' };
const number = (element: PageElement | undefined, name: string): number => Number(element?.attributes.get(name));
const ofClass = (chart: PageElement, name: string): PageElement[] =>
  elementsOf(chart).filter(({ attributes }) => attributes.get('class')?.split(' ').includes(name));

const CHARTS: Readonly<Record<string, (label: string, values: readonly number[]) => Html>> = {
  interval: (label, values) =>
    intervalChart({
      ...TEXT,
      rows: values.map(() => label),
      panels: (['dots', 'bars'] as const).map((form) => ({
        ...{ title: 'T', note: 'N', format: ms, form },
        marks: values.map((value) => ({ value, low: value - 1, high: value + 1 })),
      })),
    }),
  distribution: (label, values) =>
    distributionChart({ ...TEXT, format: ms, rows: values.map((value) => ({ label, values: [value, 2 * value, value], median: value })) }),
  'stacked bars': (label, values) =>
    stackedBarsChart({ ...TEXT, format: ms, parts: ['a', 'b'], rows: values.map((value) => ({ label, values: [value, 1] })) }),
  line: (label, values) =>
    lineChart({
      ...TEXT,
      ...{ formatX: ms, formatY: ms, fromY: 0 },
      lines: values.map((value, at) => ({ label, points: [[at, value] as const, [at + 1, value / 2] as const] })),
    }),
  steps: (label, values) =>
    lineChart({
      ...TEXT,
      formatX: ms,
      formatY: ms,
      form: 'steps',
      lines: [{ label, points: values.map((value, at) => [value, at] as const) }],
    }),
};

/** Corners of the lines of a chart. */
function cornersOf(chart: PageElement): [x: number, y: number][][] {
  return elementsOf(chart, 'polyline').map(({ attributes }) =>
    (attributes.get('points') ?? '')
      .split(' ')
      .filter((corner) => corner !== '')
      .map((corner): [number, number] => {
        const [x = NaN, y = NaN] = corner.split(',').map(Number);
        return [x, y];
      }),
  );
}

describe.each(Object.entries(CHARTS))('a chart of kind %s', (_, chart) => {
  it('is an image with a name for those who cannot see it', () => {
    const svg = parsed(chart('f16', [3, 4]));
    expect([svg.tag, svg.attributes.get('role')]).toEqual(['svg', 'img']);
    expect(svg.attributes.get('aria-label')).toBe('A title. What is "shown" & why');
  });

  it.each([
    ['ordinary values', [3, 4]],
    ['one value', [5]],
    ['nothing but zeros', [0, 0]],
    ['very different values', [1e-6, 1e9]],
    ['no rows', []],
  ])('of %s keeps every mark inside of its frame', (__, values) => {
    const svg = parsed(chart('f16', values));
    const [, , width, height] = (svg.attributes.get('viewBox') ?? '').split(' ').map(Number);
    expect(width).toBe(CHART_WIDTH);
    for (const element of elementsOf(svg)) {
      for (const name of ['x', 'x1', 'x2', 'cx', 'y', 'y1', 'y2', 'cy', 'width', 'height']) {
        if (!element.attributes.has(name)) continue;
        const limit = ['y', 'y1', 'y2', 'cy', 'height'].includes(name) ? height : width;
        expect([name, number(element, name) >= 0, number(element, name) <= (limit ?? 0)]).toEqual([name, true, true]);
      }
    }
    for (const [x, y] of cornersOf(svg).flat())
      expect([x >= 0, x <= (width ?? 0), y >= 0, y <= (height ?? 0)]).toEqual(Array(4).fill(true));
  });

  it('shows a hostile name as text, cut short', () => {
    const svg = parsed(chart(HOSTILE, [1, 2]));
    expect(elementsOf(svg, 'script')).toEqual([]);
    const [label] = elementsOf(svg, 'text').filter(({ text }) => text.startsWith('</svg><script>'));
    expect(label?.text.length).toBeLessThanOrEqual(26);
  });
});

describe('the interval chart', () => {
  const panel = { title: 'Latency', note: 'less is better', format: ms };

  it('places values and their intervals by size, and says each value', () => {
    const marks = [{ value: 10, low: 9, high: 12 }, { value: 20 }, null];
    const svg = parsed(intervalChart({ ...TEXT, rows: ['f16', 'q8_0', 'q4_0'], panels: [{ ...panel, marks }] }));
    const [ten, twenty] = ofClass(svg, 'dot').map((dot) => number(dot, 'cx'));
    const [whisker, ...none] = ofClass(svg, 'whisker');
    expect(none).toEqual([]);
    expect([ten, twenty, number(whisker, 'x1'), number(whisker, 'x2')].every(Number.isFinite)).toBe(true);
    expect(number(whisker, 'x1')).toBeLessThan(ten ?? 0);
    expect(number(whisker, 'x2')).toBeGreaterThan(ten ?? Infinity);
    expect(number(whisker, 'x2')).toBeLessThan(twenty ?? 0);
    for (const text of ['f16', 'q8_0', 'q4_0', '10 ms', '20 ms', 'no value']) expect(svg.text).toContain(text);
  });

  it('draws bars from nothing, so that their lengths are in proportion', () => {
    const marks = [{ value: 10 }, { value: 5 }];
    const svg = parsed(intervalChart({ ...TEXT, rows: ['a', 'b'], panels: [{ ...panel, form: 'bars', marks }] }));
    const [long, short] = ofClass(svg, 'bar').map((bar) => number(bar, 'width'));
    expect((long ?? 0) / (short ?? 1)).toBeCloseTo(2, 1);
  });
});

describe('the distribution chart', () => {
  it('has a dot for each sample, up to as many as can be told apart', () => {
    const values = Array.from({ length: 50 }, (_, index) => index % 7);
    const dots = (count: number): number => {
      const many = Array.from({ length: count }, (_, index) => values[index % 50] ?? 0);
      return ofClass(parsed(distributionChart({ ...TEXT, format: ms, rows: [{ label: 'a', values: many, median: 3 }] })), 'sample').length;
    };
    expect([dots(1), dots(50), dots(5000)]).toEqual([1, 50, MAX_DOTS]);
  });

  it('keeps the extremes when it leaves samples out', () => {
    const values = Array.from({ length: 5000 }, (_, index) => index);
    const svg = parsed(distributionChart({ ...TEXT, format: ms, rows: [{ label: 'a', values, median: 2500 }] }));
    const xs = ofClass(svg, 'sample').map((dot) => number(dot, 'cx'));
    const grid = ofClass(svg, 'grid').map((line) => number(line, 'x1'));
    expect(Math.min(...xs)).toBe(Math.min(...grid));
    expect(Math.max(...xs)).toBeCloseTo(Math.max(...grid), 0);
  });
});

describe('the stacked bars', () => {
  it('are made of parts in proportion, one after the other, with the sum at the end', () => {
    const rows = [{ label: 'f16', values: [1, 3] }];
    const svg = parsed(stackedBarsChart({ ...TEXT, format: ms, parts: ['encode', 'decode'], rows }));
    // The legend has squares of the same kinds.
    const [encode, decode] = ofClass(svg, 'part').filter((part) => elementsOf(part, 'title').length > 0);
    expect(number(decode, 'width') / number(encode, 'width')).toBeCloseTo(3, 1);
    expect(number(decode, 'x')).toBeCloseTo(number(encode, 'x') + number(encode, 'width'), 5);
    expect([encode?.text, decode?.text].map((text) => text?.trim())).toEqual(['encode: 1 ms', 'decode: 3 ms']);
    expect(elementsOf(svg, 'text').map(({ text }) => text)).toEqual(expect.arrayContaining(['encode', 'decode', '4 ms']));
  });
});

describe('the line chart', () => {
  it('goes up with the values, and from left to right', () => {
    const lines = [{ label: 'rss', points: [[0, 0] as const, [10, 5] as const, [20, 10] as const] }];
    const [corners = []] = cornersOf(parsed(lineChart({ ...TEXT, lines, formatX: ms, formatY: ms })));
    const [[x0, y0], [x1, y1], [x2, y2]] = corners as [[number, number], [number, number], [number, number]];
    expect(x1 - x0).toBeCloseTo(x2 - x1, 0);
    expect(y0 - y1).toBeCloseTo(y1 - y2, 0);
    expect(y0).toBeGreaterThan(y2);
  });

  it('goes level and then up, in steps', () => {
    const lines = [{ label: 'share', points: [[0, 0] as const, [10, 1] as const] }];
    const [corners = []] = cornersOf(parsed(lineChart({ ...TEXT, lines, form: 'steps', formatX: ms, formatY: ms })));
    const ups = corners.slice(1).map(([x, y], at) => [x === corners[at]?.[0], y === corners[at]?.[1]]);
    expect(ups.every(([sameX, sameY]) => sameX === true || sameY === true)).toBe(true);
  });

  it('tells more lines apart than it has colours', () => {
    const lines = Array.from({ length: 16 }, (_, at) => ({ label: String(at), points: [[0, at] as const, [1, at] as const] }));
    const svg = parsed(lineChart({ ...TEXT, lines, formatX: ms, formatY: ms }));
    expect(new Set(elementsOf(svg, 'polyline').map(({ attributes }) => attributes.get('class'))).size).toBe(16);
  });
});

describe('the roofline', () => {
  const chart = (...points: [bytesPerToken: number, tokensPerSecond: number][]): PageElement =>
    parsed(
      rooflineChart({
        ...{ ...TEXT, bandwidth: 1e10, formatBytes: (value) => `${value} B` },
        points: points.map(([bytesPerToken, tokensPerSecond]) => ({ label: HOSTILE, bytesPerToken, tokensPerSecond })),
      }),
    );

  it('has on its line what reaches the limit, and below it what does not', () => {
    const svg = chart([1e8, 100], [1e8, 50], [4e8, 25]);
    const [[[x1, y1] = [0, 0], [x2, y2] = [0, 0]] = []] = cornersOf(svg);
    const lineAt = (x: number): number => y1 + ((x - x1) / (x2 - x1)) * (y2 - y1);
    const [on, below, alsoOn] = elementsOf(svg, 'circle').map((dot) => ({ x: number(dot, 'cx'), y: number(dot, 'cy') }));
    expect(on?.y).toBeCloseTo(lineAt(on?.x ?? 0), -0.5);
    expect(alsoOn?.y).toBeCloseTo(lineAt(alsoOn?.x ?? 0), -0.5);
    // Pages count downwards.
    expect(below?.y).toBeGreaterThan(lineAt(below?.x ?? 0) + 10);
  });

  it.each([
    [[[1, 1e10]]],
    [[[1e12, 0.01]]],
    [
      [
        [5e8, 1e-3],
        [100, 1e7],
      ],
    ],
  ] as [[number, number][]][])('of %j stays inside of its frame', (points) => {
    const svg = chart(...points);
    const height = Number((svg.attributes.get('viewBox') ?? '').split(' ')[3]);
    for (const [x, y] of cornersOf(svg).flat()) expect([x >= 0, x <= CHART_WIDTH, y >= 0, y <= height]).toEqual(Array(4).fill(true));
    expect(elementsOf(svg, 'text').length).toBeLessThan(40);
    expect(svg.text).not.toMatch(/NaN|Infinity|undefined/);
  });
});
