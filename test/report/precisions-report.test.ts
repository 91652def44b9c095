import { describe, expect, it } from 'vitest';

import type { PrecisionMeasurement } from '../../src/bench/scenarios/precisions/precisions-scenario.js';
import { STAGES, type MeasuredPicture, type Stage } from '../../src/bench/scenarios/precisions/precision-turn.js';
import { judgeLogitParity } from '../../src/bench/quality/logit-parity.js';
import { precisionsHtml } from '../../src/bench/scenarios/precisions/precisions-html.js';
import { precisionsMarkdown } from '../../src/bench/scenarios/precisions/precisions-markdown.js';
import { collectPrecisions, type PrecisionsResults } from '../../src/bench/scenarios/precisions/precisions-results.js';
import { precisionRecord } from '../../src/cli/commands/precision-record.js';
import { EdgeVlmError } from '../../src/core/errors.js';
import { RunRecord } from '../../src/core/run-record.js';
import { sampleResources } from '../tracking/support/sample-record.js';
import { elementsOf, parsePage, type PageElement } from './parse-page.js';
import { Value } from 'typebox/value';

const HOSTILE = `"><img src=x onerror=alert(1)></svg></style><script>alert('&amp;')</script>\u202egpj.`;
const PICTURES = 12;
const WATCHED = {
  resources: { use: sampleResources({}), thermal: [] },
  audit: { duration_ms: 1, eventLoopDelay_ms: { p50: 0, p99: 0, max: 0 }, cpuShare: 0, startDelay_ms: null, starts: 0 },
};

/** Numbers that never agree by chance: every one has a fraction of its own. */
let fraction = 0;
const odd = (whole: number): number => whole + (fraction += 0.000_731);

function picture(index: number, slow: number): MeasuredPicture {
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, odd(slow)])) as Record<Stage, number>;
  const latency_ms = Object.values(stages).reduce((sum, ms) => sum + ms, 0);
  return {
    ...{ index, stages, latency_ms, ttft_ms: latency_ms / 2, caption_ms: latency_ms, prefillTokens: 50, completionTokens: 8 },
    caption: index % 3 === 0 && slow < 2 ? 'a small blue star at the top.' : 'a small red circle at the top.',
    answers: [index % 4 === 0 && slow < 2 ? 'blue' : 'red'],
    truth: {
      objects: [{ shape: 'circle', colour: 'red', size: 'small', position: 'top' }],
      captions: ['a small red circle at the top.'],
      questions: [{ kind: 'colour', question: 'What color is it?', answer: 'red' }],
    },
  };
}

function measurement(name: string, slow: number): PrecisionMeasurement {
  const memory = (whole: number) => ({
    ...{ rss_bytes: whole + 1, peakRss_bytes: whole + 2, pss_bytes: whole + 3, rssAnon_bytes: whole + 4, swap_bytes: 0 },
  });
  const turns = [0, 1, 2].map((round) => ({
    ...{ load_ms: odd(20 * slow), warmup_ms: odd(90), contextLength: 1024 },
    ...{ loaded: memory(1e8 * slow + round), watched: { ...WATCHED, after: memory(2e8 * slow + round) } },
    pictures: [0, 1, 2, 3].map((offset) => picture(4 * round + offset, slow)),
  }));
  return { name, turns };
}

function makeResults(model: string): PrecisionsResults {
  fraction = 0;
  const reference = measurement('f16', 3);
  const thermal = { frequency_mhz: 2400.5, temperature_celsius: 51.25, throttleEvents: 3 };
  const record = (of: PrecisionMeasurement): RunRecord =>
    precisionRecord(of, {
      reference,
      parity:
        of === reference
          ? null
          : judgeLogitParity(
              { answers: 4, samePrompts: 4, tokens: 40, top1: 0.975, klMean: 0.012_34, klP99: 0.5 },
              { along: '4 captions of f16', sameWeights: false },
            ),
      thermal: { before: thermal, after: { ...thermal, temperature_celsius: 63.75 } },
      environment: {
        cpu: { model: `CPU ${model}`, architecture: 'x64', logicalCores: 8, physicalCores: 4, flags: ['avx2'], governor: null },
        ...{ memory_bytes: 17_179_869_184, os: 'Linux', kernel: '6.1', node: 'v20.19.0', edgevlm: '0.1.0', commit: null },
      },
      models: {
        model: { name: `${model.replaceAll('/', '_')}.gguf`, sha256: 'a'.repeat(64), bytes: 5_073_152, precision: 'F16' },
        mmproj: { name: 'mmproj.gguf', sha256: 'b'.repeat(64), bytes: 2_293_952, precision: 'F16' },
      },
      settings: { requested: { threads: null, count: PICTURES }, effective: { threads: 2, count: PICTURES, prompt: model } },
      seeds: { scenes: 77, bootstrap: 0 },
      sha256: () => 'c'.repeat(64),
    });
  return collectPrecisions({
    model,
    names: ['f16', 'q4_0', 'q2_k'],
    count: PICTURES,
    parts: [
      { precision: 'f16', role: 'model', quantised: false, tensors: { f16: 29, f32: 9 } },
      { precision: 'q4_0', role: 'model', quantised: true, tensors: { q4_0: 28, q6_K: 1 } },
      { precision: 'q4_0', role: 'mmproj', quantised: true, tensors: { q4_0: 25 } },
    ],
    runs: [
      { label: 'f16', record: record(reference) },
      { label: 'q4_0', record: record(measurement('q4_0', 1)) },
    ],
    failures: [{ name: 'q2_k', status: 'load_error', error: new EdgeVlmError('MODEL_UNSUPPORTED', `${model} has no kernel`) }],
  });
}

/** Every number in some JSON, with the path to it. */
function numbersIn(value: unknown, path = ''): [path: string, number][] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => numbersIn(inner, `${path}/${key}`));
}

const page = (results: PrecisionsResults): PageElement => parsePage(precisionsHtml(results, 'report.json'));

describe('the report on precisions', () => {
  const results = makeResults('shapes');
  const html = page(results);

  it('is of records that can be stored', () => {
    for (const record of results.runs) expect(Value.Check(RunRecord, record)).toBe(true);
  });

  it('shows every number of the JSON', () => {
    const asFigures = new Set(elementsOf(html, 'data').map(({ attributes }) => Number(attributes.get('value'))));
    const raw = elementsOf(html, 'dd').flatMap(({ text }) => text.split(' ').map(Number));
    const asText = new Set([...raw, results.schemaVersion, results.count, results.pictures]);
    const { runs, ...figures } = JSON.parse(JSON.stringify(results)) as PrecisionsResults;
    // Left out: summaries, which are computed from the samples, and the confidence of intervals, which is told once.
    const records = runs.map(({ settings, seeds, models, dataset, environment, thermal, memory, samples, scores = [] }) => [
      ...[settings, seeds, models, dataset, environment, thermal, memory, samples],
      scores.map(({ value, interval }) => [value, interval?.low ?? value, interval?.high ?? value]),
    ]);
    const numbers = numbersIn([figures, records]);
    expect(numbers.length).toBeGreaterThan(500);
    const missing = numbers.filter(([, value]) => !asFigures.has(value) && !asText.has(Number(value.toPrecision(6))));
    expect(missing).toEqual([]);
  });

  it('shows medians as people read them, and the same in Markdown', () => {
    const markdown = precisionsMarkdown(results).join('\n');
    for (const text of ['7.03 MiB', 'f16', 'q4_0', 'reference', '66.7%', 'load_error']) {
      expect(html.text).toContain(text);
      expect(markdown).toContain(text);
    }
    expect(markdown).toMatch(/^pass: q4_0 speed:latency: faster: [23]\.\d\d× as fast as f16 \(95% interval/m);
    expect(markdown).toMatch(/^q2_k was not measured, load_error: MODEL_UNSUPPORTED: shapes has no kernel/m);
  });

  it('has a chart for the trade-off, the distribution, the stages and loading, and a table beside each', () => {
    const figures = elementsOf(html, 'figure');
    expect(figures.map((figure) => elementsOf(figure, 'h3').map(({ text }) => text))).toEqual([
      ['Size, speed and quality'],
      ['Distribution of latency'],
      ['Where the time of a caption goes'],
      ['Loading and memory'],
    ]);
    for (const figure of figures) expect([elementsOf(figure, 'svg').length, elementsOf(figure, 'table').length]).toEqual([1, 1]);
    expect(elementsOf(html, 'svg').every(({ attributes }) => (attributes.get('aria-label') ?? '') !== '')).toBe(true);
    expect(elementsOf(html, 'caption').length).toBe(elementsOf(html, 'table').length);
  });

  it('needs nothing but itself: no scripts, no requests, for light and dark screens', () => {
    expect(elementsOf(html, 'script', 'link', 'img', 'iframe', 'object')).toEqual([]);
    const attributes = elementsOf(html).flatMap((element) => [...element.attributes.keys()]);
    expect(attributes.filter((name) => ['src', 'href', 'style'].includes(name) || name.startsWith('on'))).toEqual([]);
    const [style] = elementsOf(html, 'style');
    expect(style?.text).not.toMatch(/url\(|@import|https?:/);
    expect(style?.text).toContain('prefers-color-scheme: dark');
    const policies = elementsOf(html, 'meta').map((meta) => meta.attributes.get('content') ?? '');
    expect(policies).toContain("default-src 'none'; style-src 'unsafe-inline'");
    expect(elementsOf(html, 'html')[0]?.attributes.get('lang')).toBe('en');
  });

  it('shows hostile names as text', () => {
    const shape = ({ tag, children }: PageElement): unknown => [tag, children.map(shape)];
    const hostile = page(makeResults(HOSTILE));
    expect(shape(hostile)).toEqual(shape(html));
    expect(elementsOf(hostile, 'h1')[0]?.text).toContain(`<script>alert('&amp;')</script>\ufffdgpj.`);
    expect(precisionsMarkdown(makeResults('a|b\n# c')).join('\n')).not.toMatch(/^# c/m);
  });
});
