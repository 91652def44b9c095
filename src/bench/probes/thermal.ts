import type { Probe, ThermalReading } from '../../core/probe.js';
import { listSystemFolder, readSystemFile, readSystemInteger } from './system-file.js';

/** Frequency, temperature and throttling from Linux's /sys; virtual machines usually have none of them, and then all is null. */
export class ThermalProbe implements Probe<ThermalReading> {
  /** @param root replaces `/` in tests. */
  constructor(private readonly root = '') {}

  async read(): Promise<ThermalReading> {
    const [frequencies, temperatures, throttles] = await Promise.all([
      this.frequencies_mhz(),
      this.integers('/sys/class/thermal', /^thermal_zone\d+$/, 'temp'),
      this.integers('/sys/devices/system/cpu', /^cpu\d+$/, 'thermal_throttle/core_throttle_count'),
    ]);
    return {
      frequency_mhz: frequencies.length === 0 ? null : sum(frequencies) / frequencies.length,
      // Thermal zones are in thousandths of a degree (kernel documentation, driver-api/thermal/sysfs-api).
      temperature_celsius: temperatures.length === 0 ? null : Math.max(...temperatures) / 1000,
      throttleEvents: throttles.length === 0 ? null : sum(throttles),
    };
  }

  /** cpufreq knows the present frequency where there is a driver; else x86 tells it in /proc/cpuinfo. */
  private async frequencies_mhz(): Promise<number[]> {
    const kilohertz = await this.integers('/sys/devices/system/cpu', /^cpu\d+$/, 'cpufreq/scaling_cur_freq');
    if (kilohertz.length > 0) return kilohertz.map((value) => value / 1000);
    const cpuinfo = (await readSystemFile(`${this.root}/proc/cpuinfo`)) ?? '';
    return [...cpuinfo.matchAll(/^cpu MHz\s*:\s*([\d.]+)$/gm)].map(([, value]) => Number(value));
  }

  private async integers(folder: string, name: RegExp, file: string): Promise<number[]> {
    const entries = await listSystemFolder(`${this.root}${folder}`, name);
    const values = await Promise.all(entries.map((entry) => readSystemInteger(`${entry}/${file}`)));
    return values.filter((value) => value !== null);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
