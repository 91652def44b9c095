import { closeSync, fstatSync, openSync } from 'node:fs';

import { EdgeVlmError } from '../../core/errors.js';
import type { Pointer } from '../ffi/pointer.js';
import { MADV_DONTNEED, MADV_WILLNEED, MAP_SHARED, PAGE_BYTES, PROT_READ, systemMemory, type SystemMemory } from '../ffi/system-memory.js';
import { Resource } from './resource.js';

/**
 * A file's bytes in this process's address space, read-only. They are the kernel's own copy: processes that map the same file share
 * them, and the kernel may drop them under pressure and read them again. Whoever shortens the file meanwhile ends the process
 * (SIGBUS), so files are only mapped in the engine's own process.
 */
export class MappedFile extends Resource {
  private constructor(
    private readonly memory: SystemMemory,
    private readonly address: bigint,
    readonly bytes: number,
  ) {
    super('mapped file');
  }

  /** @returns null on a system that cannot map files @throws FILE_UNREADABLE */
  static open(path: string): MappedFile | null {
    const memory = systemMemory();
    if (memory === null) return null;
    const file = openSync(path, 'r');
    try {
      const bytes = fstatSync(file).size;
      const address = BigInt(memory.mmap(null, bytes, PROT_READ, MAP_SHARED, file, 0));
      if (address === -1n) throw new EdgeVlmError('FILE_UNREADABLE', `${path} cannot be mapped`);
      memory.madvise(address, bytes, MADV_WILLNEED);
      return new MappedFile(memory, address, bytes);
    } finally {
      closeSync(file);
    }
  }

  /** Where a stretch of the file lies. @throws GGUF_TRUNCATED for one that the file does not have */
  at(offset: number, bytes: number): Pointer {
    this.assertAlive();
    if (offset < 0 || offset + bytes > this.bytes) {
      throw new EdgeVlmError('GGUF_TRUNCATED', `the file ends at ${this.bytes}, before byte ${offset + bytes}`);
    }
    return (this.address + BigInt(offset)) as Pointer;
  }

  /** Takes a stretch that was copied elsewhere out of this process's memory; it can still be read. */
  forget(offset: number, bytes: number): void {
    const start = (BigInt(offset) + PAGE_BYTES - 1n) / PAGE_BYTES;
    const end = BigInt(offset + bytes) / PAGE_BYTES;
    if (end > start) this.memory.madvise(this.address + start * PAGE_BYTES, Number((end - start) * PAGE_BYTES), MADV_DONTNEED);
  }

  protected release(): void {
    this.memory.munmap(this.address, this.bytes);
  }
}
