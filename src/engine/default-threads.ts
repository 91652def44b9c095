import { readFileSync } from 'node:fs';
import os from 'node:os';

/** More threads than this only wait for memory. */
const MAX_THREADS = 8;

/**
 * As many threads as this process may use fast cores, at most 8: ggml's threads wait for the slowest of them after every step, so
 * small cores and second hardware threads of a core slow all down.
 * @param root where /proc and /sys are; for tests
 */
export function defaultThreads(root = ''): number {
  return Math.min(fastCores(root) ?? os.availableParallelism(), MAX_THREADS);
}

/** null where the kernel does not say: on other systems than Linux. */
function fastCores(root: string): number | null {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(read(`${root}/proc/self/status`))?.[1];
  if (allowed === undefined) return null;
  const cpus = allowed.split(',').flatMap((range) => {
    const [first = NaN, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => {
      const folder = `${root}/sys/devices/system/cpu/cpu${first + i}`;
      // Only kernels for cores of different speed have capacities; 1024 is the fastest.
      const capacity = Number(read(`${folder}/cpu_capacity`));
      return { core: read(`${folder}/topology/thread_siblings_list`) || String(first + i), capacity };
    });
  });
  const fastest = Math.max(...cpus.map(({ capacity }) => capacity));
  return new Set(cpus.filter(({ capacity }) => capacity === fastest).map(({ core }) => core)).size;
}

/** '' where there is no such file. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
