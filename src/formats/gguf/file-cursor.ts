import { readSync } from 'node:fs';
import { EdgeVlmError } from '../../core/errors.js';
import { MAX_METADATA_BYTES } from './limits.js';

const WINDOW_BYTES = 2 ** 20;

/**
 * Reads a file's front part field by field through a window, never past `MAX_METADATA_BYTES`, little endian.
 * Synchronous on purpose: a vocabulary is hundreds of thousands of small fields, and an `await` for each costs more
 * than reading them.
 * @throws EdgeVlmError GGUF_TRUNCATED where the file ends inside a field, GGUF_LIMIT past the bound, FILE_UNREADABLE.
 */
export class FileCursor {
  #window = Buffer.alloc(0);
  /** Read position inside the window. */
  #at = 0;
  /** File offset of the window's end. */
  #windowEnd = 0;

  constructor(
    private readonly fd: number,
    private readonly path: string,
    private readonly fileBytes: number,
  ) {}

  /** File offset of the next field. */
  get position(): number {
    return this.#windowEnd - this.#window.length + this.#at;
  }

  /** Bytes between the next field and the end of the file. */
  get remaining(): number {
    return this.fileBytes - this.position;
  }

  /** The next `length` bytes, valid until the next call. `what` names them in errors. */
  take(length: number, what: string): Buffer {
    this.require(length, what);
    if (this.#window.length - this.#at < length) this.#refill(length);
    const bytes = this.#window.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  u32(what: string): number {
    return this.take(4, what).readUInt32LE();
  }

  /** A 64-bit count, length or offset; values no file can have are refused. */
  size(what: string): number {
    const value = this.take(8, what).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new EdgeVlmError('GGUF_LIMIT', `${this.path}: ${what} is ${value.toString()}`);
    return Number(value);
  }

  /** Checks that `length` more bytes exist, before anything of that size is allocated. */
  require(length: number, what: string): void {
    if (length > this.remaining) {
      const missing = length - this.remaining;
      throw new EdgeVlmError('GGUF_TRUNCATED', `${this.path} ends inside ${what}: at least ${missing} bytes are missing`);
    }
    if (this.position + length > MAX_METADATA_BYTES) {
      throw new EdgeVlmError('GGUF_LIMIT', `${this.path}: ${what} lies beyond ${MAX_METADATA_BYTES} bytes of metadata`);
    }
  }

  #refill(length: number): void {
    const rest = this.#window.subarray(this.#at);
    const unread = this.fileBytes - this.#windowEnd;
    const window = Buffer.allocUnsafe(Math.max(length, Math.min(WINDOW_BYTES, rest.length + unread)));
    rest.copy(window);
    let filled = rest.length;
    while (filled < window.length) {
      const count = this.#read(window, filled);
      if (count === 0) throw new EdgeVlmError('GGUF_TRUNCATED', `${this.path} became shorter while it was read`);
      filled += count;
      this.#windowEnd += count;
    }
    this.#window = window;
    this.#at = 0;
  }

  #read(into: Buffer, from: number): number {
    try {
      return readSync(this.fd, into, from, into.length - from, this.#windowEnd);
    } catch (error) {
      throw new EdgeVlmError('FILE_UNREADABLE', `${this.path} cannot be read`, { cause: error });
    }
  }
}
