import { describe, expect, it } from 'vitest';

import { compareForwardPasses, speedVerdicts } from './compare-forward-passes.js';

const SAMPLES = [
  { name: 'machine/read_bandwidth', unit: 'bytes/s', values: [1e10] },
  { name: 'engine/prefill_256', unit: 'ms', values: [100, 200, 100] },
  { name: 'libllama/prefill_256', unit: 'ms', values: [110, 210, 90] },
  { name: 'engine/host_at_0', unit: 'ms/token', values: [0.1] },
];

describe('comparing runtimes that took turns', () => {
  it('takes ratios pair by pair, so that a slow minute cancels out', () => {
    const [prefill, ...rest] = compareForwardPasses(SAMPLES, 'engine', 'libllama');
    expect(rest).toEqual([]);
    expect(prefill?.what).toBe('prefill_256');
    expect(prefill?.pairs).toBe(3);
    expect(prefill?.ratio.median).toBeCloseTo(1.05);
    expect(prefill?.ratio.min).toBeCloseTo(0.9);
    expect(prefill?.ratio.max).toBeCloseTo(1.1);
  });

  it('fails a verdict below the bound and passes one above', () => {
    const comparisons = compareForwardPasses(SAMPLES, 'engine', 'libllama');
    expect(speedVerdicts(comparisons, 'libllama', 1.04).map(({ outcome }) => outcome)).toEqual(['pass']);
    expect(speedVerdicts(comparisons, 'libllama', 1.06).map(({ outcome }) => outcome)).toEqual(['fail']);
  });

  it('gives no verdict on pairs that scatter too much', () => {
    const noisy = SAMPLES.map((list) => (list.name === 'libllama/prefill_256' ? { ...list, values: [50, 600, 100] } : list));
    expect(speedVerdicts(compareForwardPasses(noisy, 'engine', 'libllama'), 'libllama', 0.95)[0]?.outcome).toBe('inconclusive');
  });
});
