import koffi from 'koffi';

/** `MADV_HUGEPAGE` of <sys/mman.h>, the same on every Linux architecture that Node runs on. */
const MADV_HUGEPAGE = 14;
/** The largest page size of those architectures; a multiple of every smaller one. */
const PAGE_BYTES = 65_536n;
/** Below this a huge page would only waste memory. */
const MINIMUM_BYTES = 8 * 1024 * 1024;

let madvise: ((address: bigint, bytes: number, advice: number) => number) | null | undefined;

/**
 * Asks the kernel for huge pages behind a stretch of memory that was not touched yet: weights are read from end to end
 * for every token, and with 4 KiB pages the processor spends part of that time on address translation. Only advice:
 * where the kernel knows no huge pages, or the system is not Linux, nothing happens.
 */
export function adviseHugePages(address: bigint, bytes: number): void {
  if (process.platform !== 'linux' || bytes < MINIMUM_BYTES) return;
  madvise ??= bindMadvise();
  const start = ((address + PAGE_BYTES - 1n) / PAGE_BYTES) * PAGE_BYTES;
  madvise?.(start, bytes - Number(start - address), MADV_HUGEPAGE);
}

function bindMadvise(): typeof madvise {
  try {
    return koffi.load(null).func('int madvise(void* address, size_t bytes, int advice)') as typeof madvise;
  } catch {
    return null; // a C library without it: there is nothing to advise
  }
}
