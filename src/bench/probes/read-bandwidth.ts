import { ChildProcess } from '../../host/child-process.js';
import { siblingEntry } from '../../host/sibling-entry.js';

/** Requests of one reading process. */
export interface ReadBandwidthProtocol {
  prepare: { request: { readonly bytes: number }; event: never; result: null };
  /** Bytes per second. */
  read: { request: { readonly duration_ms: number }; event: never; result: number };
}

export interface ReadBandwidthOptions {
  readonly threads: number;
  /** Per thread; far more than any last-level cache by default (128 MiB). */
  readonly bytes?: number;
  readonly repetitions?: number;
  readonly duration_ms?: number;
}

/**
 * How fast this machine reads memory with as many threads as the engine uses: the limit of decoding.
 * @returns bytes per second of every repetition
 */
export async function measureReadBandwidth(options: ReadBandwidthOptions): Promise<number[]> {
  const { threads, bytes = 128 * 1024 * 1024, repetitions = 5, duration_ms = 300 } = options;
  const readers = await Promise.all(
    Array.from({ length: threads }, () =>
      ChildProcess.start<ReadBandwidthProtocol>(siblingEntry('./read-bandwidth-process', import.meta.url), { name: 'the bandwidth probe' }),
    ),
  );
  try {
    await Promise.all(readers.map((reader) => reader.request('prepare', { bytes })));
    const samples: number[] = [];
    for (let i = 0; i < repetitions; i++) {
      const rates = await Promise.all(readers.map((reader) => reader.request('read', { duration_ms })));
      samples.push(rates.reduce((sum, rate) => sum + rate, 0));
    }
    return samples;
  } finally {
    await Promise.all(readers.map((reader) => reader.stop()));
  }
}
