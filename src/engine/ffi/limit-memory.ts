import { readFileSync } from 'node:fs';
import koffi from 'koffi';

/** `RLIMIT_DATA` of <sys/resource.h>: private writable memory, which is what allocation takes; files that are mapped do not count. */
const RLIMIT_DATA = 2;
/** For JavaScript, the vocabulary, intermediate results and copies on their way, bytes. */
const ALLOWANCE_BYTES = 2n * 1024n ** 3n;

let limitedBytes: bigint | undefined;

/**
 * Lets this process take so many bytes beyond what it holds, and an allowance. Allocations beyond fail, as if the machine had no
 * more: the engine reports them, and where it cannot, this process ends and not another one that the kernel chooses.
 * Calls add up. Only on Linux, and never above a limit that is there already.
 */
export function limitMemory(bytes: number): void {
  if (process.platform !== 'linux') return;
  const before = limitedBytes ?? heldBytes() + ALLOWANCE_BYTES;
  limitedBytes = before + BigInt(Math.ceil(bytes));
  try {
    const prlimit = koffi.load(null).func('int prlimit64(int pid, int resource, void* to, void* from)');
    const limits = new BigUint64Array(2);
    prlimit(0, RLIMIT_DATA, null, limits);
    const [, hard = 0n] = limits;
    limits[0] = limitedBytes < hard ? limitedBytes : hard;
    prlimit(0, RLIMIT_DATA, limits, null);
  } catch {
    // A C library without it: the process stays as it is.
  }
}

function heldBytes(): bigint {
  const [, kilobytes = '0'] = /^VmData:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return BigInt(kilobytes) * 1024n;
}
