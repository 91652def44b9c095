import { PAGE_BYTES, systemMemory } from './system-memory.js';

/** `MADV_HUGEPAGE` of <sys/mman.h>, the same on every Linux architecture that Node runs on; other systems have no such advice. */
const MADV_HUGEPAGE = 14;
/** Below this a huge page would only waste memory. */
const MINIMUM_BYTES = 8 * 1024 * 1024;

/**
 * Asks the kernel for huge pages behind a stretch of memory that was not touched yet: weights are read from end to end
 * for every token, and with 4 KiB pages the processor spends part of that time on address translation. Only advice:
 * where the kernel knows no huge pages, or the system is not Linux, nothing happens.
 */
export function adviseHugePages(address: bigint, bytes: number): void {
  if (process.platform !== 'linux' || bytes < MINIMUM_BYTES) return;
  const start = ((address + PAGE_BYTES - 1n) / PAGE_BYTES) * PAGE_BYTES;
  systemMemory()?.madvise(start, bytes - Number(start - address), MADV_HUGEPAGE);
}
