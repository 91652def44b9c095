import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeEnvironment } from './environment.js';
import { openProcessTree } from './open-process-tree.js';
import { ProcessReader } from './process-reader.js';
import { ThermalProbe } from './thermal.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgevlm-probe-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function place(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

test('memory is read in bytes from status and smaps_rollup', async () => {
  place({
    'proc/7/status': 'Name:\tnode\nVmHWM:\t    2000 kB\nVmRSS:\t    1500 kB\nRssAnon:\t     500 kB\nVmSwap:\t       0 kB\n',
    'proc/7/smaps_rollup': '0-1 ---p 0 0:0 0 [rollup]\nRss: 1500 kB\nPss:                1200 kB\nPss_Dirty: 3 kB\n',
  });
  const reader = new ProcessReader(7, join(root, 'proc'));
  const reading = await reader.read({ pss: true });
  await reader.close();
  expect(reading?.memory).toEqual({
    rss_bytes: 1500 * 1024,
    peakRss_bytes: 2000 * 1024,
    pss_bytes: 1200 * 1024,
    rssAnon_bytes: 500 * 1024,
    swap_bytes: 0,
  });
});

test('what the machine does not tell is null, never zero', async () => {
  const tree = openProcessTree(() => []);
  const { memory } = await tree.read({ pss: true });
  await tree.close();
  const thermal = await new ThermalProbe(root).read();
  const { processes, ...figures } = memory;
  expect(processes).toBe(0);
  expect(new Set([...Object.values(figures), ...Object.values(thermal)])).toEqual(new Set([null]));
});

test('this very process has memory where there is a /proc', async () => {
  const tree = openProcessTree(() => [process.pid]);
  const { rss_bytes, peakRss_bytes } = (await tree.read({ pss: true })).memory;
  await tree.close();
  if (process.platform !== 'linux') expect(rss_bytes).toBeNull();
  else {
    expect(rss_bytes).toBeGreaterThan(10 * 1024 ** 2);
    expect(peakRss_bytes).toBeGreaterThanOrEqual(rss_bytes ?? Infinity);
  }
});

test('frequency is the mean of the cores, temperature the hottest zone, throttling the sum', async () => {
  place({
    'sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': '1500000\n',
    'sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq': '2500000\n',
    'sys/devices/system/cpu/cpufreq/scaling_cur_freq': '9\n',
    'sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count': '2\n',
    'sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count': '3\n',
    'sys/class/thermal/thermal_zone0/temp': '48312\n',
    'sys/class/thermal/thermal_zone1/temp': '61500\n',
    'sys/class/thermal/thermal_zone2/temp': 'unreadable\n',
  });
  expect(await new ThermalProbe(root).read()).toEqual({ frequency_mhz: 2000, temperature_celsius: 61.5, throttleEvents: 5 });
});

test('without cpufreq the frequency comes from cpuinfo', async () => {
  place({ 'proc/cpuinfo': 'processor\t: 0\ncpu MHz\t\t: 2600.002\n' });
  expect((await new ThermalProbe(root).read()).frequency_mhz).toBeCloseTo(2600.002, 6);
});

test('the environment names cores, the flags kernels use, the governor and the system', async () => {
  place({
    'proc/cpuinfo': [0, 1, 2, 3]
      .map((i) => `processor\t: ${i}\nphysical id\t: 0\ncore id\t\t: ${i >> 1}\nflags\t\t: fpu avx2 fma avx512_vnni pge\n`)
      .join('\n'),
    'sys/devices/system/cpu/cpu0/cpufreq/scaling_governor': 'performance\n',
    'etc/os-release': 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  });
  const environment = await describeEnvironment(root);
  expect(environment.cpu).toMatchObject({ physicalCores: 2, flags: ['avx2', 'fma', 'avx512_vnni'], governor: 'performance' });
  expect(environment).toMatchObject({ os: 'Debian GNU/Linux 12 (bookworm)', node: process.version });
  expect(environment.edgevlm).toMatch(/^\d+\.\d+\.\d+/);
});

test('an unknown machine leaves fields absent', async () => {
  const environment = await describeEnvironment(root);
  expect(environment.cpu).toMatchObject({ physicalCores: null, flags: [], governor: null });
});
