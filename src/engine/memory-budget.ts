import os from 'node:os';

import { EdgeVlmError } from '../core/errors.js';

/** Kept free for intermediate results and the process itself. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/** Memory this process may still take, bytes; container limits count. */
function availableMemory(): number {
  // Node 20.13 and newer know about cgroups; the declaration promises it, older releases lack it.
  const { availableMemory: ask } = process as { availableMemory?: () => number };
  return ask?.call(process) ?? os.freemem();
}

/** Whether so many more bytes can be held. */
export function fitsMemory(bytes: number): boolean {
  return bytes + RESERVE_BYTES <= availableMemory();
}

/**
 * Refuses a model that cannot fit before anything is allocated: an overcommitting kernel would kill the process later.
 * @throws OUT_OF_MEMORY
 */
export function assertFitsMemory(name: string, bytes: number): void {
  if (fitsMemory(bytes)) return;
  const mb = (value: number): string => `${Math.ceil(value / 1_000_000)} MB`;
  throw new EdgeVlmError('OUT_OF_MEMORY', `${name} needs ${mb(bytes + RESERVE_BYTES)} of memory, ${mb(availableMemory())} are free`);
}
