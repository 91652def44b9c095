import type { ResourceUse } from '../../../src/core/probe.js';
import { createRunRecord, type Measurement, type RunRecord } from '../../../src/core/run-record.js';

const nothing = { frequency_mhz: null, temperature_celsius: null, throttleEvents: null };

/** A record as a benchmark makes it. @param points how many samples of the latency */
export function sampleRecord(points: number, parts: Partial<Measurement> = {}, wallTime = '2030-01-02T03:04:05.678Z'): RunRecord {
  return createRunRecord({ ...sampleMeasurement(points), ...parts }, { now_ms: () => 0, wallTime: () => wallTime });
}

/** What a benchmark measured. @param points how many samples of the latency */
export function sampleMeasurement(points: number): Measurement {
  return {
    command: 'bench vlm',
    settings: {
      requested: { device: 'cpu', threads: null },
      effective: { device: 'cpu', quantization: 'int8', samples: points, image_dir: '/ward 7/images', prompt: 'What is it?', threads: 2 },
    },
    seeds: { bootstrap: 1 },
    models: { model: { name: 'shapes-q8_0.gguf', sha256: 'a'.repeat(64), bytes: 12, precision: 'q8_0' } },
    dataset: { name: 'ward 7', sha256: 'b'.repeat(64), items: points },
    environment: {
      cpu: { model: 'A CPU', architecture: 'x64', logicalCores: 2, physicalCores: null, flags: ['avx2'], governor: null },
      memory_bytes: 1024,
      os: 'linux',
      kernel: '6.1',
      node: 'v20.19.0',
      edgevlm: '0.1.0',
      commit: null,
    },
    thermal: { before: nothing, after: { ...nothing, temperature_celsius: 61 } },
    memory: { 'engine:loaded': { rss_bytes: 5, peakRss_bytes: 6, pss_bytes: null, rssAnon_bytes: null, swap_bytes: null } },
    samples: [
      { name: 'load', unit: 'ms', values: [1500, 2500] },
      // Figures that repeat: a point is told by its step, not by its value.
      { name: 'latency', unit: 'ms', values: Array.from({ length: points }, (_, index) => 100 + (index % 7) / 8), warmup: [300] },
      { name: 'tokens_per_second', unit: 'tok/s', values: [20, 30] },
    ],
    scores: [{ name: 'caption.object_f1', unit: 'fraction', value: 0.9, n: 10, interval: { low: 0.8, high: 0.95, level: 0.95 } }],
    verdicts: [{ name: 'speed:decode', outcome: 'pass', detail: 'as fast as was wanted' }],
    notes: ['one picture could not be read'],
  };
}

/** What a sampler finds on a machine that tells little. */
export function sampleResources(parts: Partial<ResourceUse> = {}): ResourceUse {
  const noMemory = { peakPss_bytes: null, peakRssAnon_bytes: null, peakSwap_bytes: null, sumOfPeakRss_bytes: null, processes: null };
  const noEnergy = { package_joules: null, dram_joules: null, dram_watts: null, gpu_joules: null, gpu_watts: null };
  return {
    duration_ms: 1000,
    sampling: { interval_ms: 250, readings: 5, cost_ms: 0.5, maxCost_ms: 0.75, share: 0.0025 },
    memory: { peakRss_bytes: 4096, ...noMemory },
    cpu: { time_ms: 1500, cores: 1.5, share: null },
    power: { package_watts: 21.5, ...noEnergy },
    vram: { peak_bytes: null, devicePeak_bytes: null, total_bytes: null },
    gpus: [],
    series: [{ name: 'rss', unit: 'bytes', time_ms: [0, 250], values: [1024, 4096] }],
    absent: { gpu: 'nvidia-smi is not installed' },
    ...parts,
  };
}
