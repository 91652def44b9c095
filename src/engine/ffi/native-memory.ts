import koffi, { type TypeObject } from 'koffi';

import type { Pointer } from './pointer.js';

/** Native memory seen as an ArrayBuffer, without a copy. Valid only while its owner lives. */
export function viewMemory(pointer: Pointer, bytes: number): ArrayBuffer {
  return koffi.view(pointer, bytes);
}

/** Zeroed memory that native code may keep a pointer to. */
export class NativeMemory implements Disposable {
  readonly pointer: Pointer;
  readonly buffer: ArrayBuffer;

  constructor(bytes: number) {
    this.pointer = koffi.alloc('uint8_t', bytes) as Pointer;
    this.buffer = viewMemory(this.pointer, bytes);
    new Uint8Array(this.buffer).fill(0);
  }

  [Symbol.dispose](): void {
    koffi.free(this.pointer);
  }
}

/** Reads the pointer at `offset` bytes behind `pointer`. */
export function readPointer(pointer: Pointer, offset: number): Pointer | null {
  return koffi.decode(pointer, offset, 'void*') as Pointer | null;
}

/** koffi knows a prototype by its name and takes each name once. */
const prototypes = new Map<string, TypeObject>();

/** Makes a C function callable from its address; the caller states its type beside the C prototype. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the one place where a C prototype gets its type
export function functionAt<F extends (...args: never[]) => unknown>(address: Pointer, prototype: string): F {
  const type = prototypes.get(prototype) ?? koffi.proto(prototype);
  prototypes.set(prototype, type);
  return koffi.decode(address, type) as F;
}

/** Runs a bound function on a worker thread, so that the event loop goes on. The caller must keep its arguments alive. */
export function callAsync<Arguments extends unknown[], Result>(bound: (...args: Arguments) => Result, ...args: Arguments): Promise<Result> {
  const { async: start } = bound as unknown as { async: (...args: unknown[]) => void };
  return new Promise((resolve, reject) => {
    start(...args, (error: Error | null, result: Result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

/** Writes a pointer `offset` bytes behind `pointer`. */
export function writePointer(pointer: Pointer, offset: number, value: Pointer | null): void {
  koffi.encode(pointer, offset, 'void*', value);
}
