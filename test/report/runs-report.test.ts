import { describe, expect, it } from 'vitest';
import { htmlTable } from '../../src/bench/report/table.js';
import { runsHtml } from '../../src/bench/report/runs/runs-html.js';
import { runsMarkdown } from '../../src/bench/report/runs/runs-markdown.js';
import { type RunsReport, runsReport } from '../../src/bench/report/runs/runs-report.js';
import { runsSections } from '../../src/bench/report/runs/runs-sections.js';
import type { CellRow } from '../../src/core/plan-cell.js';
import type { RunRecord } from '../../src/core/run-record.js';
import { sampleRecord, sampleResources } from '../tracking/support/sample-record.js';
import { elementsOf, parsePage, type PageElement } from './parse-page.js';

const HOSTILE = `"><img src=x onerror=alert(1)></svg></style><script>alert('&amp;')</script>\u202egpj.`;

/** A run as `bench vlm` leaves it. @param slow times are so many times as long */
function record(quantization: string, slow: number, name = 'shapes'): RunRecord {
  const times = (least: number, n = 40): number[] => Array.from({ length: n }, (_, at) => slow * (least + ((at * 7) % 11) / 13));
  const nothing = { frequency_mhz: null, temperature_celsius: null, throttleEvents: null };
  const items = 'items' as const;
  return sampleRecord(3, {
    settings: { requested: {}, effective: { runtime: 'engine', quantization, device: 'cpu', note: name, samples: 40 } },
    models: {
      model: { name: `${name.replaceAll('/', '_')}.gguf`, sha256: 'a'.repeat(64), bytes: 80_000_000 / slow, precision: quantization },
    },
    samples: [
      { name: 'load_ms', unit: 'ms', values: [100 * slow] },
      { name: 'latency_ms', unit: 'ms', values: times(200), over: items, warmup: [999] },
      { name: 'ttft_ms', unit: 'ms', values: times(90), over: items },
      { name: 'tpot_ms', unit: 'ms/token', values: times(12), over: items },
      { name: 'stage.encode_ms', unit: 'ms', values: times(60), over: items },
      { name: 'stage.decode_ms', unit: 'ms', values: times(120), over: items },
      { name: 'machine/read_bandwidth', unit: 'bytes/s', values: [1e10, 1.1e10, 0.9e10] },
      { name: `${name}/short/total_ms`, unit: 'ms', values: times(5, 6), over: items },
    ],
    thermal: {
      before: nothing,
      after: nothing,
      during: [0, 1000, 2000].map((time_ms) => ({
        ...nothing,
        time_ms,
        temperature_celsius: 50 + time_ms / 500,
        frequency_mhz: 2400,
        governor: name,
      })),
    },
    resources: sampleResources({
      gpus: [
        {
          ...{ name, utilisation: 0.5, temperature_celsius: 60, power_watts: 100, peakPower_watts: 120 },
          ...{ peakUsed_bytes: 2 ** 30, total_bytes: 2 ** 34 },
        },
      ],
      series: [
        { name: 'rss', unit: 'bytes', time_ms: [0, 250, 500], values: [1e8, 2e8, 1.5e8] },
        { name: 'package_power', unit: 'W', time_ms: [0, 1000], values: [11, 13] },
        { name, unit: name, time_ms: [0, 1000], values: [1, 2] },
      ],
      absent: { gpu: name },
    }),
    verdicts: [
      { name: 'speed:latency', outcome: 'pass', detail: 'fast' },
      { name: 'parity:logits', outcome: 'fail', detail: `${name} differs` },
    ],
    notes: [name],
  });
}

const failure = (status: CellRow['status'], quantization: string, message: string): CellRow => ({
  ...{ key: 'f'.repeat(64), status, message },
  cell: { scenario: 'vlm', settings: { runtime: 'python', quantization }, round: 1 },
});
const ROWS = (name: string): CellRow[] => [failure('oom', 'none', `${name} needs 9 GiB`), failure('load_error', 'int4', 'no environment')];
const report = (name = 'shapes'): RunsReport => runsReport([record('none', 2, name), record('int8', 1, name)], ROWS(name));
const page = (of: RunsReport): PageElement => parsePage(runsHtml(of));
const first = (elements: readonly PageElement[]): PageElement => elements[0] ?? parsePage('');
const titlesOf = (html: PageElement, tag: string): string[] => elementsOf(html, tag).map(({ text }) => text.trim());

describe('the report on runs', () => {
  const html = page(report());

  it('begins with the verdicts, the failed ones first, and names the cells that were not measured', () => {
    expect(titlesOf(html, 'h2')).toEqual([
      ...['Verdicts', 'Overview', 'Time', 'Memory bandwidth', 'Quality', 'Resources', 'What ran', 'Environment', 'Notes'],
      ...['Every list of samples', 'Raw samples'],
    ]);
    const [verdicts, failures] = elementsOf(html, 'table').map((table) =>
      elementsOf(table, 'tr').map((row) => elementsOf(row, 'th', 'td').map(({ text }) => text.trim())),
    );
    expect(verdicts?.slice(1, 3).map(([, name, outcome]) => [name, outcome])).toEqual([
      ['parity:logits', 'fail'],
      ['parity:logits', 'fail'],
    ]);
    expect(failures?.slice(1)).toEqual([
      ['python', 'oom', 'shapes needs 9 GiB'].map((cell, at) => (at === 0 ? 'python none' : cell)),
      ['python int4', 'load_error', 'no environment'],
    ]);
  });

  it('has a row for every run and every failed cell in the overview, told apart by what differs', () => {
    const overview = first(elementsOf(html, 'figure'));
    const rows = elementsOf(overview, 'tr').map((row) => elementsOf(row, 'th', 'td').map(({ text }) => text.trim()));
    expect(rows.slice(1).map(([label, status]) => [label, status])).toEqual([
      ['engine none', 'ok'],
      ['engine int8', 'ok'],
      ['python none', 'oom'],
      ['python int4', 'load_error'],
    ]);
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
  });

  it('has a chart for all that was measured, and a table beside each', () => {
    const figures = elementsOf(html, 'figure');
    expect(figures.map((figure) => elementsOf(figure, 'h3')[0]?.text)).toEqual([
      'Size, speed and quality',
      'Where the time goes',
      ...['latency_ms', 'ttft_ms', 'tpot_ms'].flatMap((name) => [`Distribution of ${name}`, `Cumulative share of ${name}`]),
      'Distribution of total_ms',
      'Decoding beside the limit of the memory',
      ...['Resident memory', 'Temperature', 'Clock', 'Power of the processor', 'shapes'].map((title) => `${title} over time`),
    ]);
    for (const figure of figures) expect([elementsOf(figure, 'svg').length, elementsOf(figure, 'table').length]).toEqual([1, 1]);
    expect(elementsOf(html, 'caption').length).toBe(elementsOf(html, 'table').length);
  });

  it('computes the roofline from what was measured', () => {
    const roofline = first(elementsOf(html, 'figure').filter((figure) => elementsOf(figure, 'h3')[0]?.text.startsWith('Decoding')));
    const rows = elementsOf(roofline, 'tr')
      .slice(1)
      .map((row) => elementsOf(row, 'data').map(({ attributes }) => Number(attributes.get('value'))));
    for (const [at, slow] of [2, 1].entries()) {
      const [bytes = NaN, bandwidth, limit, reached = NaN, share] = rows[at] ?? [];
      expect([bytes, bandwidth]).toEqual([80_000_000 / slow, 1e10]);
      expect(limit).toBeCloseTo(1e10 / bytes, 6);
      expect(reached).toBeGreaterThan(1000 / (13 * slow));
      expect(share).toBeCloseTo((reached * bytes) / 1e10, 9);
    }
  });

  it('says which percentiles have a bound', () => {
    const tables = elementsOf(html, 'table').filter((table) => elementsOf(table, 'caption')[0]?.text.includes('99% confidence'));
    const cells = elementsOf(first(tables), 'tr').map((row) => elementsOf(row, 'td').map(({ text }) => text.trim()));
    // Of 40 samples the median has a bound; the 99th percentile needs 662.
    expect(cells[1]?.[0]).toMatch(/ms$/);
    expect(cells[1]?.[3]).toBe('estimate, n = 40');
  });

  it('needs nothing but itself, and no number in it is none', () => {
    expect(elementsOf(html, 'script', 'link', 'img', 'iframe', 'object')).toEqual([]);
    const elements = elementsOf(html);
    const names = elements.flatMap((element) => [...element.attributes.keys()]);
    expect(names.filter((name) => ['src', 'href', 'style'].includes(name) || name.startsWith('on'))).toEqual([]);
    expect(runsHtml(report())).not.toMatch(/https?:|NaN|Infinity|undefined|\[object/);
    for (const { attributes } of elements) for (const value of attributes.values()) expect(value).not.toMatch(/NaN|Infinity|undefined/);
    expect(elementsOf(html, 'svg').every(({ attributes }) => (attributes.get('aria-label') ?? '') !== '')).toBe(true);
  });

  it('shows hostile names as text', () => {
    const shape = ({ tag, children }: PageElement): unknown => [tag, children.map(shape)];
    const hostile = page(report(HOSTILE));
    // Where a name is long the legend breaks into more rows, but no element comes or goes.
    expect(shape(hostile)).toEqual(shape(html));
    expect(hostile.text).toContain(`<script>alert('&amp;')</script>`);
  });

  it('has the same tables in Markdown, row for row', () => {
    const markdown = runsMarkdown(report());
    const bodies = markdown.split('\n').filter((line) => line.startsWith('|'));
    const tables = runsSections(report()).flatMap(({ parts }) => parts.flatMap((part) => (part.kind === 'list' ? [] : [part.table])));
    expect(bodies.length).toBe(tables.reduce((sum, { rows }) => sum + rows.length + 2, 0));
    expect(tables.map((table) => elementsOf(parsePage(String(htmlTable(table))), 'tr').length)).toEqual(
      tables.map(({ rows }) => rows.length + 1),
    );
    expect(markdown).toMatch(/^\| python none +\| oom +\|/m);
    expect(runsMarkdown(report('a|b\n# c'))).not.toMatch(/^# c/m);
  });

  it.each<[string, RunRecord[], CellRow[]]>([
    ['nothing at all', [], []],
    ['failed cells only', [], ROWS('x')],
    [
      'a run without samples, scores and files',
      [sampleRecord(1, { samples: [], scores: [], models: {}, memory: {}, verdicts: [], notes: [] })],
      [],
    ],
    ['the same run twice', [sampleRecord(2), sampleRecord(2)], []],
    ['a sample of each', [sampleRecord(1)], []],
  ])('can be made of %s', (_, records, rows) => {
    const made = runsReport(records, rows);
    const parsed = page(made);
    expect(parsed.text).not.toMatch(/NaN|Infinity|undefined/);
    expect(new Set([...made.runs, ...made.failed].map(({ label }) => label)).size).toBe(records.length + rows.length);
    expect(runsMarkdown(made)).not.toMatch(/NaN|Infinity|undefined/);
  });
});
