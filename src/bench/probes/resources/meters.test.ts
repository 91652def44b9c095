import { describe, expect, it } from 'vitest';
import type { GpusReading, NvidiaSmiProbe } from '../nvidia-smi.js';
import { type ProcessTree, sumMemory, type TreeReading } from '../process-tree.js';
import type { RaplProbe } from '../rapl.js';
import { GpuMeter } from './gpu-meter.js';
import { MachineMeter } from './machine-meter.js';
import { SeriesRecorder } from './series-recorder.js';
import { TreeMeter } from './tree-meter.js';

describe('a series', () => {
  it('keeps the peak and the ends when it is thinned, or the mean', () => {
    const [peaks, means] = [new SeriesRecorder('a', 'W', 'highest'), new SeriesRecorder('b', 'W', 'mean')];
    for (let at = 0; at < 5000; at++) {
      peaks.add(at, at === 3333 ? 1e6 : at % 10);
      means.add(at, at % 10);
    }
    const [peak] = peaks.list();
    const [mean] = means.list();
    expect(peak?.values.length).toBeLessThanOrEqual(601);
    expect(peak?.values.length).toBeGreaterThan(200);
    expect(Math.max(...(peak?.values ?? []))).toBe(1e6);
    expect([peak?.time_ms[0], (peak?.time_ms.at(-1) ?? 0) > 4900]).toEqual([0, true]);
    expect(peak?.time_ms).toEqual([...(peak?.time_ms ?? [])].sort((a, b) => a - b));
    const values = mean?.values ?? [];
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(4.5, 1);
  });

  it('has no points of what was never known', () => {
    const series = new SeriesRecorder('a', 'W', 'mean');
    series.add(1, null);
    expect(series.list()).toEqual([]);
  });
});

describe('the meter of a tree', () => {
  const memory = (rss_bytes: number, pss_bytes: number | null) =>
    sumMemory([{ rss_bytes, pss_bytes, peakRss_bytes: null, rssAnon_bytes: rss_bytes / 2, swap_bytes: 0 }]);

  function meterOf(readings: readonly Partial<TreeReading>[]): { meter: TreeMeter; asked: boolean[]; pass: (ms: number) => void } {
    const left = [...readings];
    const asked: boolean[] = [];
    let now = 0;
    const tree: ProcessTree = {
      leastInterval_ms: 0,
      absent: {},
      read: ({ pss }) => {
        asked.push(pss);
        const reading = left.shift() ?? {};
        return Promise.resolve({ memory: sumMemory([]), cpu_ms: null, pids: new Set<number>(), peakRss_bytes: new Map(), ...reading });
      },
      close: () => Promise.resolve(),
    };
    return { meter: new TreeMeter(tree, () => now), asked, pass: (ms) => void (now += ms) };
  }

  it('has the highest sum at one reading, and the sum of the highest', async () => {
    const { meter, pass } = meterOf([
      {
        memory: memory(100, 60),
        pids: new Set([1, 2]),
        peakRss_bytes: new Map([
          [1, 90],
          [2, 40],
        ]),
      },
      {
        memory: memory(70, null),
        pids: new Set([1, 3, 4]),
        peakRss_bytes: new Map([
          [1, 95],
          [3, 10],
        ]),
      },
    ]);
    await meter.read();
    pass(250);
    await meter.read();
    expect(meter.memory).toEqual({
      ...{ peakRss_bytes: 100, peakPss_bytes: 60, peakRssAnon_bytes: 50, peakSwap_bytes: 0 },
      ...{ sumOfPeakRss_bytes: 95 + 40 + 10, processes: 3 },
    });
    expect([...meter.pids]).toEqual([1, 3, 4]);
  });

  it('counts from the first reading; what comes later counts in full, and what ends takes nothing back', async () => {
    const { meter, pass } = meterOf([5000, 5400, 100, null, 300].map((cpu_ms) => ({ cpu_ms, memory: memory(1, 1) })));
    for (let at = 0; at < 5; at++) {
      await meter.read();
      pass(1000);
    }
    // 400 of the first; it was replaced by one whose beginning nobody saw; the third came after there was none.
    expect(meter.cpu(4000, 8)).toEqual({ time_ms: 700, cores: 0.175, share: 0.175 / 8 });
    expect(meter.series.find(({ name }) => name === 'cpu')?.values[0]).toBeCloseTo(0.4, 9);
  });

  it('reads PSS at most once a second, or when asked', async () => {
    const { meter, asked, pass } = meterOf([]);
    for (let at = 0; at < 10; at++) {
      await meter.read();
      pass(250);
    }
    expect(asked).toEqual([true, false, false, false, true, false, false, false, true, false]);
    await meter.read(true);
    expect(asked.at(-1)).toBe(true);
  });

  it('tells nothing where nothing is told', async () => {
    const { meter } = meterOf([]);
    await meter.read();
    expect(Object.values(meter.memory)).toEqual(Array(6).fill(null));
    expect(meter.cpu(1000, 2)).toEqual({ time_ms: null, cores: null, share: null });
    expect(meter.series).toEqual([]);
  });
});

describe('the meter of the machine', () => {
  it('has the ledger and the mean power', async () => {
    let now = 0;
    const joules = [0, 30, 90];
    const rapl = { why: undefined, read: () => Promise.resolve({ package_joules: joules[now / 1000] ?? null, dram_joules: null }) };
    const thermal = { read: () => Promise.resolve({ frequency_mhz: 1000 + now, temperature_celsius: null, throttleEvents: 0 }) };
    const probes = { thermal, governor: () => Promise.resolve('powersave'), rapl: rapl as unknown as RaplProbe };
    const meter = new MachineMeter(probes, () => now);
    for (; now <= 2000; now += 1000) await meter.read();
    expect(meter.power).toEqual({ package_joules: 90, package_watts: 45, dram_joules: null, dram_watts: null });
    expect(meter.series).toEqual([{ name: 'package_power', unit: 'W', time_ms: [1000, 2000], values: [30, 60] }]);
    expect(meter.ledger.map(({ time_ms, frequency_mhz, governor }) => [time_ms, frequency_mhz, governor])).toEqual([
      [0, 1000, 'powersave'],
      [1000, 2000, 'powersave'],
      [2000, 3000, 'powersave'],
    ]);
    expect(meter.absent).toEqual({ temperature: 'this machine shows no thermal zone' });
  });

  it('keeps a ledger of bounded length', async () => {
    const nothing = { frequency_mhz: null, temperature_celsius: null, throttleEvents: null };
    const rapl = { why: 'none', read: () => Promise.resolve({ package_joules: null, dram_joules: null }) };
    let now = 0;
    const probes = {
      thermal: { read: () => Promise.resolve(nothing) },
      governor: () => Promise.resolve(null),
      rapl: rapl as unknown as RaplProbe,
    };
    const meter = new MachineMeter(probes, () => now);
    for (; now < 3000; now++) await meter.read();
    expect(meter.ledger.length).toBeLessThanOrEqual(600);
    expect(meter.ledger.length).toBeGreaterThan(200);
    expect(meter.ledger.map(({ time_ms }) => time_ms)).toEqual([...meter.ledger].map(({ time_ms }) => time_ms).sort((a, b) => a - b));
    expect(Object.keys(meter.absent)).toEqual(['package_power', 'temperature', 'frequency', 'governor']);
  });
});

describe('the meter of the cards', () => {
  const card = { name: 'A', total_bytes: 1000, temperature_celsius: 40 };

  it('has the peaks, the means, and the energy as the area under the power', async () => {
    let now = 0;
    const readings: GpusReading[] = [
      {
        gpus: [{ ...card, used_bytes: 10, utilisation: 0, power_watts: 100 }],
        processes: new Map([
          [1, 4],
          [9, 6],
        ]),
      },
      {
        gpus: [{ ...card, used_bytes: 50, utilisation: 0.5, power_watts: 200 }],
        processes: new Map([
          [1, 30],
          [2, 5],
          [9, 6],
        ]),
      },
      { gpus: [{ ...card, used_bytes: 20, utilisation: 1, power_watts: 300 }], processes: new Map([[9, 6]]) },
    ];
    const probe = { why: undefined, read: () => Promise.resolve(readings[now / 1000] ?? null) };
    const meter = new GpuMeter(
      probe as unknown as NvidiaSmiProbe,
      () => new Set([1, 2]),
      () => now,
    );
    for (; now <= 3000; now += 1000) await meter.read();
    expect(meter.vram).toEqual({ peak_bytes: 35, devicePeak_bytes: 50, total_bytes: 1000 });
    expect(meter.power).toEqual({ gpu_joules: 400, gpu_watts: 200 });
    expect(meter.gpus).toEqual([
      {
        name: 'A',
        utilisation: 0.5,
        temperature_celsius: 40,
        power_watts: 200,
        peakPower_watts: 300,
        peakUsed_bytes: 50,
        total_bytes: 1000,
      },
    ]);
    expect(meter.absent).toEqual({});
    expect(meter.series.map(({ name, values }) => [name, values])).toEqual([
      ['gpu_power', [100, 200, 300]],
      ['gpu_utilisation', [0, 0.5, 1]],
      ['vram', [4, 35]],
    ]);
  });

  it("does not take other people's memory, or what is not told, for that of the processes", async () => {
    const reading: GpusReading = {
      gpus: [{ ...card, used_bytes: null, utilisation: null, power_watts: null }],
      processes: new Map<number, number | null>([
        [1, null],
        [9, 6],
      ]),
    };
    const probe = { why: undefined, read: () => Promise.resolve(reading) };
    const meter = new GpuMeter(
      probe as unknown as NvidiaSmiProbe,
      () => new Set([1]),
      () => 0,
    );
    await meter.read();
    expect(meter.vram).toEqual({ peak_bytes: null, devicePeak_bytes: null, total_bytes: 1000 });
    expect(meter.power).toEqual({ gpu_joules: null, gpu_watts: null });
    expect(meter.absent['vram']).toContain('container');
  });
});
