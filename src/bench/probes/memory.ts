import type { MemoryReading, Probe } from '../../core/probe.js';
import { readSystemFile } from './system-file.js';

/** Memory of process `pid` from Linux's /proc (proc(5)); all null on other systems and after the process ended. */
export class MemoryProbe implements Probe<MemoryReading> {
  /** @param procRoot where proc is mounted; tests pass a folder of their own. */
  constructor(
    private readonly pid: number,
    private readonly procRoot = '/proc',
  ) {}

  async read(): Promise<MemoryReading> {
    const folder = `${this.procRoot}/${this.pid}`;
    const [status, rollup] = await Promise.all([readSystemFile(`${folder}/status`), readSystemFile(`${folder}/smaps_rollup`)]);
    return {
      rss_bytes: bytesOf(status, 'VmRSS'),
      peakRss_bytes: bytesOf(status, 'VmHWM'),
      pss_bytes: bytesOf(rollup, 'Pss'),
      rssAnon_bytes: bytesOf(status, 'RssAnon'),
      swap_bytes: bytesOf(status, 'VmSwap'),
    };
  }
}

/** A line `Name:   123 kB`; the kernel's kB is 1024 bytes. */
function bytesOf(text: string | null, name: string): number | null {
  const kibibytes = text === null ? undefined : new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}
