import { Session } from 'node:inspector';
import koffi from 'koffi';

/**
 * Loaded into the engine's process before it starts: at SIGUSR2 it gives back whatever nobody holds and sends the signal on to its parent.
 * Between collections V8 keeps what it likes, by the pace of allocation, so a machine that grows busier or idle would look like a leak of
 * tens of megabytes; and a leak would long hide in what malloc has free.
 */
const session = new Session();
session.connect();
const trim = mallocTrim();
process.on('SIGUSR2', () => {
  session.post('HeapProfiler.collectGarbage', () => {
    trim?.(0);
    process.kill(process.ppid, 'SIGUSR2');
  });
});

/** Only glibc has it. */
function mallocTrim(): ((pad: number) => number) | undefined {
  try {
    return koffi.load(null).func('int malloc_trim(size_t pad)') as (pad: number) => number;
  } catch {
    return undefined;
  }
}
