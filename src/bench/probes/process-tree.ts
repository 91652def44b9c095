import type { MemoryReading } from '../../core/probe.js';

/** Some processes and all that they started, at one moment. */
export interface TreeReading {
  /** Sums; null where one of the processes does not tell. `processes` is always there. */
  readonly memory: MemoryReading;
  /** Processor time of all of them since some moment, never falling while the tree lives; null where it is not told. */
  readonly cpu_ms: number | null;
  readonly pids: ReadonlySet<number>;
  /** The highest RSS that the system remembers of each process; empty where it remembers none. */
  readonly peakRss_bytes: ReadonlyMap<number, number>;
}

/** Reads some processes and all that they started. It never throws: what cannot be read is null. */
export interface ProcessTree {
  /** Not more often than this: a reading that starts a program costs more than one that reads a file. */
  readonly leastInterval_ms: number;
  /** What is null and why, for people. */
  readonly absent: Readonly<Record<string, string>>;
  /** @param pss whether to read what is shared, too, which takes the longest */
  read(options: { readonly pss: boolean }): Promise<TreeReading>;
  close(): Promise<void>;
}

/** Sums field by field; where one reading lacks a field, its sum is null. */
export function sumMemory(readings: readonly MemoryReading[]): MemoryReading {
  const sum = (field: (reading: MemoryReading) => number | null): number | null =>
    readings.reduce<number | null>(
      (total, reading) => {
        const value = field(reading);
        return total === null || value === null ? null : total + value;
      },
      readings.length === 0 ? null : 0,
    );
  return {
    rss_bytes: sum(({ rss_bytes }) => rss_bytes),
    peakRss_bytes: sum(({ peakRss_bytes }) => peakRss_bytes),
    pss_bytes: sum(({ pss_bytes }) => pss_bytes),
    rssAnon_bytes: sum(({ rssAnon_bytes }) => rssAnon_bytes),
    swap_bytes: sum(({ swap_bytes }) => swap_bytes),
    processes: readings.length,
  };
}
