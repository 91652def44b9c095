import koffi from 'koffi';

/** The part of <sys/mman.h> that the engine uses. A length is a `size_t`, an offset an `off_t`. */
export interface SystemMemory {
  /** @returns the address, or -1 */
  mmap: (address: null, bytes: number, protection: number, flags: number, file: number, offset: number) => bigint | number;
  munmap: (address: bigint, bytes: number) => number;
  madvise: (address: bigint, bytes: number, advice: number) => number;
}

/** These numbers are the same on Linux and macOS. */
export const PROT_READ = 1;
export const MAP_SHARED = 1;
export const MADV_WILLNEED = 3;
export const MADV_DONTNEED = 4;

/** The largest page size of the architectures that Node runs on; a multiple of every smaller one. */
export const PAGE_BYTES = 65_536n;

let bound: SystemMemory | null | undefined;

/** null where the system has none of it: Windows. */
export function systemMemory(): SystemMemory | null {
  if (bound === undefined) bound = process.platform === 'win32' ? null : bind();
  return bound;
}

function bind(): SystemMemory {
  const library = koffi.load(null);
  return {
    mmap: library.func('intptr_t mmap(void* address, size_t bytes, int protection, int flags, int file, long offset)'),
    munmap: library.func('int munmap(intptr_t address, size_t bytes)'),
    madvise: library.func('int madvise(intptr_t address, size_t bytes, int advice)'),
  };
}
