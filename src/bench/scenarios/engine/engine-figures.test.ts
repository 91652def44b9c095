import { describe, expect, it } from 'vitest';

import type { RunRecord } from '../../../core/run-record.js';
import { summarise } from '../../../core/sample-summary.js';
import { engineFigures } from './engine-figures.js';
import { engineReport } from './engine-report.js';

const SAMPLES = [
  { name: 'machine/read_bandwidth', unit: 'bytes/s', values: [1e10, 1.2e10, 0.8e10] },
  { name: 'engine/load', unit: 'ms', values: [50, 60] },
  { name: 'libllama/load', unit: 'ms', values: [100, 60] },
  { name: 'engine/prefill_256', unit: 'ms', values: [100, 200] },
  { name: 'llama-bench/prefill_256', unit: 'ms', values: [110, 180] },
  { name: 'engine/decode_at_256', unit: 'ms/token', values: [10, 20, 10] },
  { name: 'engine/host_at_256', unit: 'ms/token', values: [0.1, 0.3, 0.2] },
  { name: 'libllama/decode_at_256', unit: 'ms/token', values: [11, 21, 12] },
  { name: 'llama-bench/decode_at_256', unit: 'ms/token', values: [9, 18, 9] },
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((m) => ({ name: `engine/batch_of_${m}`, unit: 'ms', values: [10 * m, 40 * m] })),
];
const MEMORY = { rss_bytes: 1234, pss_bytes: null, rssAnon_bytes: null, swap_bytes: null };
const RECORD = {
  samples: SAMPLES,
  summary: Object.fromEntries(SAMPLES.map(({ name, values }) => [name, summarise(values)])),
  memory: { 'engine:loaded': { ...MEMORY, rss_bytes: 1 }, 'engine:after': MEMORY },
  verdicts: [],
  notes: [],
} as unknown as RunRecord;
const OPTIONS = { subject: 'engine', peers: ['libllama', 'llama-bench'], prefill: 256, depth: 256, bytesPerToken: 8e7 };

describe('the figures of an engine run', () => {
  const figures = engineFigures(RECORD, OPTIONS);

  it('compare with the first peer that was measured at it, and name them all', () => {
    expect(figures.decode.ratio_median).toBeCloseTo(1.1);
    expect(figures.decode.samples).toHaveLength(3);
    expect(figures.decode.medians['llama-bench']).toBeCloseTo(0.9);
    expect(figures.prefill.ratio_median).toBeCloseTo((1.1 + 0.9) / 2);
    expect(figures.load.ratio_median).toBeCloseTo(1.5);
  });

  it('are null where nothing was measured', () => {
    expect(figures.encode).toEqual({ ratio_median: null, samples: [], medians: {} });
  });

  it('tell how much of the memory speed decoding uses', () => {
    // 80 MB in 10 ms of 10 GB/s.
    expect(figures.roofline.decode_fraction).toBeCloseTo(0.8);
    expect(figures.roofline.samples.map((fraction) => Math.round(fraction * 100))).toEqual([80, 40, 80]);
  });

  it('give the time of several tokens in times of one', () => {
    expect(figures.batch_cost).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(figures.samples.batch_cost[3]).toEqual([4, 4]);
  });

  it('give host time and memory as medians and readings', () => {
    expect([figures.host_ms_per_token, figures.rss_bytes]).toEqual([0.2, 1234]);
  });

  it('are rows of the report, a column for each peer', () => {
    const report = engineReport(RECORD, OPTIONS);
    expect(report[0]).toBe('| | engine | libllama | ratio (min–max) | llama-bench | ratio (min–max) | limit |');
    expect(report.find((line) => line.startsWith('| prefill_256'))).toContain('| – | – |');
    expect(report.find((line) => line.startsWith('| decode_at_256'))).toContain('1.100× (1.050–1.200)');
    expect(report.some((line) => line.startsWith('Time of 1 to 8 tokens at once'))).toBe(true);
  });
});
