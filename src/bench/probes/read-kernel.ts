/**
 * Memory, and a function that reads all of it: looking for a byte that is not there is the C library's `memchr`, whose vector loop
 * is as fast as memory comes. Not with the kernels of the engine, because a limit must not be measured with what it judges.
 */
export function createReadKernel(bytes: number): { readonly memory: Buffer; readonly read: () => number } {
  const memory = Buffer.alloc(bytes, 1);
  return { memory, read: () => memory.indexOf(0) };
}
