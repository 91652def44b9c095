/** What a process had in memory when so much work was done. */
export interface MemoryReading {
  /** How many pieces of work were done by then. */
  readonly at: number;
  readonly bytes: number;
}

/** Fewer points than this say nothing of a slope at 95%. */
const LEAST_BLOCKS = 10;
const Z_95 = 1.96;

/**
 * How much a process's memory grows over a run, at most: the upper end of the 95% interval of its slope × the run, as a share of its level.
 *
 * Garbage that is not collected yet lies on top of what is held, never below it: so the readings are cut into blocks of equal length and the
 * lowest of each is taken, which a leak raises as much as all others. Their slope is the Theil-Sen estimate, the median of the slopes between
 * all pairs, with the interval of Sen (1968, J. Am. Stat. Assoc. 63:1379-1389, as `scipy.stats.theilslopes`): it assumes no distribution,
 * and one block that was read at a bad moment moves it little.
 * @param readings in order of `at`, some for each block
 */
export function memoryGrowth(readings: readonly MemoryReading[], blocks = 20): number {
  const lowest = blockMinima(readings, blocks);
  const n = lowest.length;
  const [first, last] = [readings[0], readings.at(-1)];
  if (n < LEAST_BLOCKS || first === undefined || last === undefined) throw new Error(`${readings.length} readings are too few`);
  const slopes = lowest
    .flatMap((a, index) => lowest.slice(index + 1).map((b) => (b.bytes - a.bytes) / (b.at - a.at)))
    .sort((a, b) => a - b);
  const spread = Z_95 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const upper = slopes[Math.min(Math.round((slopes.length + spread) / 2), slopes.length - 1)] ?? NaN;
  const levels = lowest.map(({ bytes }) => bytes).sort((a, b) => a - b);
  return (upper * (last.at - first.at)) / (levels[Math.floor(n / 2)] ?? NaN);
}

function blockMinima(readings: readonly MemoryReading[], blocks: number): MemoryReading[] {
  const size = Math.max(1, Math.floor(readings.length / blocks));
  const minima: MemoryReading[] = [];
  for (let start = 0; start + size <= readings.length; start += size) {
    const block = readings.slice(start, start + size);
    const low = block.reduce((least, reading) => (reading.bytes < least.bytes ? reading : least));
    minima.push(low);
  }
  return minima;
}
