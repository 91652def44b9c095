import { availableMemory } from '../core/available-memory.js';
import { EdgeVlmError } from '../core/errors.js';

/** Kept free for intermediate results and the process itself. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/** Whether so many more bytes can be held. */
export function fitsMemory(bytes: number): boolean {
  return bytes + RESERVE_BYTES <= availableMemory();
}

/**
 * Refuses what a device has no room for, before it is asked for.
 * @param free bytes @throws OUT_OF_MEMORY
 */
export function assertFitsDevice(name: string, device: string, bytes: number, free: number): void {
  if (bytes + RESERVE_BYTES <= free) return;
  throw new EdgeVlmError('OUT_OF_MEMORY', `${name} needs ${mb(bytes + RESERVE_BYTES)} on ${device}, ${mb(free)} are free there`, {
    hint: 'Use a smaller --context, a smaller quantisation of the model, or the processor: leave --device out.',
  });
}

/**
 * Refuses a model that cannot fit before anything is allocated: an overcommitting kernel would kill the process later.
 * @throws OUT_OF_MEMORY
 */
export function assertFitsMemory(name: string, bytes: number): void {
  if (fitsMemory(bytes)) return;
  throw new EdgeVlmError('OUT_OF_MEMORY', `${name} needs ${mb(bytes + RESERVE_BYTES)} of memory, ${mb(availableMemory())} are free`);
}

function mb(bytes: number): string {
  return `${Math.ceil(bytes / 1_000_000)} MB`;
}
