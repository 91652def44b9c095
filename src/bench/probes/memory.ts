import type { MemoryReading, Probe } from '../../core/probe.js';
import { ProcessReader } from './process-reader.js';

/** Memory of process `pid` alone from Linux's /proc (proc(5)); all null on other systems and after the process ended. */
export class MemoryProbe implements Probe<MemoryReading> {
  /** @param procRoot where proc is mounted; tests pass a folder of their own. */
  constructor(
    private readonly pid: number,
    private readonly procRoot = '/proc',
  ) {}

  async read(): Promise<MemoryReading> {
    const reader = new ProcessReader(this.pid, this.procRoot);
    try {
      return (await reader.read({ pss: true }))?.memory ?? ENDED;
    } finally {
      await reader.close();
    }
  }
}

const ENDED: MemoryReading = { rss_bytes: null, peakRss_bytes: null, pss_bytes: null, rssAnon_bytes: null, swap_bytes: null };
